// Loaded by `fakeserver run` in front of a program of Node's, for versions that know no proxy (NODE_USE_ENV_PROXY came with
// 22.21 and 24): `fetch`, `http` and `https` go through the proxy that HTTPS_PROXY names.
"use strict";

const [major, minor] = process.versions.node.split(".").map(Number);
const knows = major >= 24 || (major === 22 && minor >= 21);

if (!knows && process.env.HTTPS_PROXY) {
  const http = require("node:http");
  const https = require("node:https");
  const net = require("node:net");
  const tls = require("node:tls");
  const proxy = new URL(process.env.HTTPS_PROXY);
  const left = (process.env.NO_PROXY ?? "").split(",").map((each) => each.trim().toLowerCase().replace(/^\*?\./, ""));

  const isDirect = (host) => {
    const name = host.replace(/^\[|\]$/g, "").toLowerCase();
    return left.some((each) => each !== "" && (name === each || name.endsWith(`.${each}`)));
  };

  // A socket behind CONNECT, or an error that says why there is none.
  const tunnel = (host, port, done) => {
    const target = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
    const socket = net.connect(Number(proxy.port), proxy.hostname);
    let head = Buffer.alloc(0);
    const fail = (error) => {
      socket.destroy();
      done(error);
    };
    const read = (piece) => {
      head = Buffer.concat([head, piece]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.off("data", read);
      socket.off("error", fail);
      socket.pause();
      const status = head.subarray(0, end).toString("latin1").split(" ")[1];
      if (status === "200") {
        if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
        done(null, socket);
      } else {
        fail(Object.assign(new Error(`the proxy refused ${target} with ${status}`), { code: "ECONNREFUSED" }));
      }
    };
    socket.once("error", fail);
    socket.on("data", read);
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  };

  const secure = (socket, options, done) => {
    const host = options.servername || options.host;
    const servername = net.isIP(host) ? undefined : host;
    const wrapped = tls.connect({ ALPNProtocols: ["http/1.1"], ...options, socket, servername, host });
    wrapped.once("error", done);
    wrapped.once("secureConnect", () => {
      wrapped.off("error", done);
      done(null, wrapped);
    });
  };

  for (const [agent, port, isSecure] of [
    [http.Agent, 80, false],
    [https.Agent, 443, true],
  ]) {
    const original = agent.prototype.createConnection;
    agent.prototype.createConnection = function createConnection(options, done) {
      const host = options.host ?? options.hostname ?? "localhost";
      if (options.socketPath || typeof done !== "function" || isDirect(host)) return original.call(this, options, done);
      tunnel(host, options.port ?? port, (error, socket) => {
        if (error || !isSecure) done(error, socket);
        else secure(socket, { ...options, path: undefined, port: undefined }, done);
      });
      return undefined;
    };
  }

  const key = Symbol.for("undici.globalDispatcher.1");
  fetch("data:,").catch(() => {});
  const Agent = globalThis[key]?.constructor;
  if (Agent) {
    const direct = (options, done) => {
      const port = options.port || (options.protocol === "https:" ? 443 : 80);
      const socket = net.connect({ host: options.hostname, port: Number(port) });
      socket.once("error", done);
      socket.once("connect", () => {
        socket.off("error", done);
        done(null, socket);
      });
    };
    const connect = (options, done) => {
      const isSecure = options.protocol === "https:";
      const port = options.port || (isSecure ? 443 : 80);
      const open = isDirect(options.hostname) ? direct : (given, then) => tunnel(given.hostname, port, then);
      open(options, (error, socket) => {
        if (error || !isSecure) done(error, socket);
        else secure(socket, { servername: options.servername || options.hostname, host: options.hostname }, done);
      });
    };
    globalThis[key] = new Agent({ connect });
  }
}
