// Makes the README's image of the report out of a run, or says whether it is of today's report.
//   node tools/readme-image.mjs RUN       writes RUN/report.html anew, shoots it, and puts the image into docs/images
//   node tools/readme-image.mjs --check   exit code 1 where what draws the page has changed since the image was made
// What draws the page is the code in dist/report/page; its hash is kept in the image. Build before.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const root = fileURLToPath(new URL('..', import.meta.url));
const image = join(root, 'docs', 'images', 'report.png');
const page = join(root, 'dist', 'report', 'page');

function pageHash() {
  const hash = createHash('sha256');
  for (const name of readdirSync(page).filter((file) => file.endsWith('.js')).sort()) {
    hash.update(`${name}\n`).update(readFileSync(join(page, name)));
  }
  return hash.digest('hex');
}

const [argument, ...more] = process.argv.slice(2);
if (argument === undefined || more.length > 0) {
  console.error('usage: node tools/readme-image.mjs RUN | --check');
  process.exit(2);
}
if (argument === '--check') {
  const { exif } = await sharp(image).metadata();
  if (exif?.includes(pageHash()) === true) process.exit(0);
  console.error('docs/images/report.png is of an older report: node tools/readme-image.mjs RUN makes it anew');
  process.exit(1);
}
execFileSync(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'report', argument], { stdio: 'ignore' });
const folder = mkdtempSync(join(tmpdir(), 'coin-image-'));
try {
  const shot = join(folder, 'shot.png');
  const options = ['--width', '1280', '--height', '1600', '--scale', '1'];
  execFileSync(process.execPath, [join(root, 'tools', 'screenshot.mjs'), join(argument, 'report.html'), shot, ...options]);
  await sharp(shot)
    .png({ palette: true, quality: 90, compressionLevel: 9 })
    .withExif({ IFD0: { ImageDescription: pageHash() } })
    .toFile(image);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(image);
