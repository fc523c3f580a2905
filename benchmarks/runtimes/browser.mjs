// Run the model in onnxruntime-web (WASM) in headless Chromium, on a page served on loopback:
// model.onnx spectra.raw probabilities.raw; prints the versions. CHROMIUM names the browser.
import {readFileSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {basename, extname} from 'node:path';

const {chromium} = createRequire(`${process.cwd()}/`)('playwright-core');
const [model, spectra, probabilities] = process.argv.slice(2);
const types = {'.mjs': 'text/javascript', '.wasm': 'application/wasm'};

const server = createServer((request, response) => {
  const path = {'/': new URL('page.html', import.meta.url), '/model': model,
                '/spectra': spectra}[request.url]
    ?? `node_modules/onnxruntime-web/dist/${basename(request.url)}`;
  const type = request.url === '/' ? 'text/html' : types[extname(request.url)];
  try {
    const body = readFileSync(path);
    response.writeHead(200, {'Content-Type': type ?? 'application/octet-stream'}).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise(ready => server.listen(0, '127.0.0.1', ready));

// no sandbox, because CI runs as root; no calls home, because CI has no network
const browser = await chromium.launch({executablePath: process.env.CHROMIUM, args: [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
  '--disable-background-networking', '--disable-component-update']});
try {
  const page = await browser.newPage();
  page.on('pageerror', error => console.error(String(error)));
  page.on('console', message => console.error(message.text()));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => window.found, null, {timeout: 60_000});
  const found = await page.evaluate(() => window.found);
  writeFileSync(probabilities, new Uint8Array(Uint32Array.from(found.bits).buffer));
  console.log(`${found.version}, Chromium ${browser.version()}`);
} finally {
  await browser.close();
  server.close();
}
