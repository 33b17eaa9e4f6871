// "Hello" by node-fastcgi. `node node-fastcgi.cjs PATH`

const { createServer } = require('node-fastcgi');

createServer((_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.end('Hello\n');
}).listen(process.argv[2]);
