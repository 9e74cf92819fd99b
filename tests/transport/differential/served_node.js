// The same answers by Node, with what it alone can say: interim answers and trailers. Run with the port.
'use strict';
const http = require('node:http');
const zlib = require('node:zlib');

function payload(size) {
  const lines = [];
  for (let number = 0; number <= size / 10; number++) lines.push(String(number).padStart(9, '0') + '\n');
  return Buffer.from(lines.join('')).subarray(0, size);
}

function answer(request, response, body) {
  const [kind, ...rest] = request.url.replace(/^\/|\/$/g, '').split('/');
  const numbers = rest.map(Number);
  response.setHeader('content-type', kind === 'sse' ? 'text/event-stream' : 'text/plain');
  const whole = (data) => { response.setHeader('content-length', data.length); response.end(data); };
  const many = (count, piece) => { for (let at = 0; at < count; at++) response.write(piece(at)); response.end(); };
  switch (kind) {
    case 'bytes': return whole(payload(numbers[0]));
    case 'chunks': return many(numbers[0], () => payload(numbers[1]));
    case 'sse': return many(numbers[0], (at) => `data: {${at}}\n\n`);
    case 'slow': {
      let left = numbers[0];
      const timer = setInterval(() => {
        if (left-- > 0) return response.write(payload(30));
        clearInterval(timer);
        response.end();
      }, 5);
      return;
    }
    case 'gzip': response.setHeader('content-encoding', 'gzip'); return whole(zlib.gzipSync(payload(numbers[0])));
    case 'deflate': response.setHeader('content-encoding', 'deflate'); return whole(zlib.deflateSync(payload(numbers[0])));
    case 'status': response.statusCode = numbers[0]; response.setHeader('x-status', 'yes'); return response.end();
    case 'headers':
      for (let at = 0; at < numbers[0]; at++) response.setHeader(`x-many-${at}`, 'v'.repeat(numbers[1]));
      response.setHeader('x-twice', ['one', 'two']);
      response.setHeader('x-empty', '');
      return whole(Buffer.from('ok'));
    case 'close': response.setHeader('connection', 'close'); return whole(payload(numbers[0]));
    case 'echo': return whole(body);
    case 'peer': return whole(Buffer.from(String(request.socket.remotePort)));
    case 'early':
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.writeProcessing();
      return whole(payload(numbers[0]));
    case 'trailers':
      response.setHeader('trailer', 'x-sum');
      response.write(payload(numbers[0]));
      response.addTrailers({ 'x-sum': '1'.repeat(numbers[1]), 'x-more': 'yes' });
      return response.end();
    default: response.statusCode = 404; return whole(Buffer.from('no such path'));
  }
}

const server = http.createServer({ keepAliveTimeout: 1000 }, (request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => answer(request, response, Buffer.concat(pieces)));
});
server.listen(Number(process.argv[2]), '127.0.0.1');
