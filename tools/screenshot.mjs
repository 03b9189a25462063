// Shoots a page (a report) with Chromium as PNG, as the images in docs/images were made.
//   node tools/screenshot.mjs REPORT.html IMAGE.png [--width 1280] [--height PIXELS | --full] [--dark] [--print]
//                             [--scale 2] [--section ID]
// Without --height and --full it shoots the first 900 pixels. --section shoots one section of the page.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '900' },
    scale: { type: 'string', default: '2' },
    section: { type: 'string' },
    full: { type: 'boolean', default: false },
    dark: { type: 'boolean', default: false },
    print: { type: 'boolean', default: false },
  },
});
const [page, image] = positionals;
const sizes = [values.width, values.height, values.scale].map(Number);
if (page === undefined || image === undefined || sizes.some((size) => !(size > 0))) {
  console.error('usage: node tools/screenshot.mjs REPORT.html IMAGE.png [--width 1280] [--height 900 | --full]');
  console.error('                                [--dark] [--print] [--scale 2] [--section ID]');
  process.exit(2);
}
if (!existsSync(page)) {
  console.error(`${page}: no such file`);
  process.exit(2);
}

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run'], timeout: 0 });
try {
  const [width = 1280, height = 900, scale = 2] = sizes;
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: scale,
    colorScheme: values.dark ? 'dark' : 'light',
  });
  context.setDefaultTimeout(0);
  const tab = await context.newPage();
  if (values.print) await tab.emulateMedia({ media: 'print' });
  await tab.goto(pathToFileURL(resolve(page)).href);
  if (values.section === undefined) {
    await tab.screenshot({ path: image, fullPage: values.full });
  } else {
    await tab.locator(`#${values.section}`).screenshot({ path: image });
  }
} finally {
  await browser.close();
}
