// Loaded before configurable-http-proxy, which ends at once when it is told to stop: what a server has said on a websocket
// just then would be lost, since the server counts it as sent. Here the servers are told first that nobody listens any more.
// They keep what comes from then on for those who come back (jupyter_server, start_buffering); what they have sent is
// passed on to its end.
'use strict';
const http = require('node:http');
const net = require('node:net');

const LONGEST_MS = 3000; // Docker kills after ten seconds
const LOOK_MS = 20;
const servers = new Set();
const open = new Set();
let ending = false;

function end(socket) {
  socket.write = () => true; // what people send now has nobody who takes it
  socket.end(); // no more to the server; what it sends is read on
}

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...rest) {
  servers.add(this);
  return listen.apply(this, rest);
};

const emit = http.ClientRequest.prototype.emit;
http.ClientRequest.prototype.emit = function (name, ...rest) {
  const socket = rest[1];
  if (name === 'upgrade' && socket) {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (ending) end(socket);
  }
  return emit.call(this, name, ...rest);
};

const on = process.on;
process.on = function (name, listener) {
  if (name !== 'SIGTERM') return on.call(this, name, listener);
  return on.call(this, name, () => {
    if (ending) return;
    ending = true;
    for (const server of servers) server.close(); // whoever comes back waits for the next proxy
    for (const socket of open) end(socket);
    const over = Date.now() + LONGEST_MS;
    const clock = setInterval(() => {
      if (open.size > 0 && Date.now() < over) return;
      clearInterval(clock);
      setTimeout(listener, 3 * LOOK_MS); // what was passed on last is on its way
    }, LOOK_MS);
  });
};
