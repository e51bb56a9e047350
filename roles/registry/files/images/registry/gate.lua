-- Holds requests while the registry rests for maintenance, instead of turning them away: no client repeats each kind of
-- request (Docker repeats uploads of layers, and not the manifest after them). The script serve makes the mark before it
-- ends the registry, and removes it when the next one listens.
local mark = "/run/labserver-registry/paused"
local most, step, waited = 20, 0.02, 0 -- seconds
while waited < most do
  local file = io.open(mark)
  if not file then
    return
  end
  file:close()
  ngx.sleep(step)
  waited = waited + step
end
