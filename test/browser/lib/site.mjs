// A web site that is not the server's own: the pages of somebody who embeds a
// player. Its port differs, so that every request to the server crosses origins.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Scripts of others that pages may load. */
export const scripts = {
  '/aliyun-rts-sdk.js': here('vendor/aliyun-rts-sdk@2.2.7/dist/aliyun-rts-sdk.js'),
  '/hls.js': here('node_modules/hls.js/dist/hls.min.js'),
  '/mpegts.js': here('node_modules/mpegts.js/dist/mpegts.js'),
};

const blank = '<!doctype html><meta charset="utf-8"><title>A player</title><video muted autoplay playsinline></video>';

export class Site {
  requests = [];

  /**
   * Starts a site. Its front page is `html`, a video element by default;
   * scripts listed in `load` are put before it.
   */
  static async start({ html = blank, load = [] } = {}) {
    const site = new Site();
    const front = load.map((src) => `<script src="${src}"></script>`).join('') + html;
    site.server = createServer(async (request, response) => {
      site.requests.push(`${request.method} ${request.url}`);
      if (request.url === '/') {
        response.setHeader('Content-Type', 'text/html; charset=utf-8').end(front);
      } else if (scripts[request.url]) {
        response.setHeader('Content-Type', 'text/javascript').end(await readFile(scripts[request.url]));
      } else {
        response.writeHead(404).end();
      }
    });
    await new Promise((resolve, reject) => {
      site.server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return site;
  }

  get page() {
    return `http://localhost:${this.server.address().port}/`;
  }

  get log() {
    return this.requests.join('\n');
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
