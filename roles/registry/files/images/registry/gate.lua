-- Holds requests while the registry rests for maintenance, instead of turning them away: no client repeats each kind of
-- request (Docker repeats uploads of layers, and not the manifest after them). The script serve makes the mark before it
-- ends the registry, and removes it when the next one listens.
--
-- Requests that pass are counted until they are answered (nginx.conf takes them off again), so that serve knows when none
-- is under way any more. Counted before the mark is looked for: whoever makes the mark and then reads 0 has missed none.
local mark = "/run/labserver-registry/paused"
local most, step = 20, 0.02 -- seconds
local latest = ngx.now() + most
local requests = ngx.shared.requests
while true do
  requests:incr("passing", 1, 0)
  local file = io.open(mark)
  if file then
    file:close()
  end
  if not file or ngx.now() >= latest then
    ngx.var.passing = "1"
    return
  end
  requests:incr("passing", -1)
  ngx.sleep(step)
end
