// The report in a real browser. Needs Chromium: CHROMIUM_PATH, /usr/bin/chromium, or one on the PATH; skipped without,
// and the skipped test's name says so.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderReport } from '../../src/report/page/html.ts';
import type { RunResults } from '../../src/report/results.ts';
import { fakeResults, fakeTasks } from '../support/fake-results.ts';
import { fakeRouting } from '../support/fake-routing.ts';

const executablePath = findChromium();
const why = executablePath === undefined ? ' (skipped: no Chromium found; set CHROMIUM_PATH)' : '';

function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const candidates = [
    process.env.CHROMIUM_PATH ?? '',
    '/usr/bin/chromium',
    ...folders.flatMap((folder) => names.map((name) => join(folder, name))),
  ];
  return candidates.find((candidate) => candidate !== '' && existsSync(candidate));
}

interface Opened {
  readonly page: Page;
  /** Errors and warnings of the console, uncaught errors, and requests for anything but the file itself. */
  readonly complaints: readonly string[];
}

describe.skipIf(executablePath === undefined)(`the report in Chromium${why}`, () => {
  let browser: Browser;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'coin-report-'));
    const flags = ['sandbox', 'gpu'].map((name) => (name === 'gpu' ? '--disable-gpu' : `--no-${name}`));
    const quiet = ['background-networking', 'component-update', 'sync'].map((name) => `--disable-${name}`);
    browser = await chromium.launch({
      executablePath,
      args: [...flags, '--no-first-run', ...quiet],
      timeout: 0,
    });
  });

  afterAll(async () => {
    await browser?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  async function open(
    results: RunResults,
    { width = 1280, dark = false, script = true }: { width?: number; dark?: boolean; script?: boolean } = {},
  ): Promise<Opened> {
    const file = join(folder, 'report.html');
    writeFileSync(file, renderReport(results));
    const context = await browser.newContext({
      viewport: { width, height: 900 },
      colorScheme: dark ? 'dark' : 'light',
      javaScriptEnabled: script,
    });
    // A busy machine is slow, not wrong.
    context.setDefaultTimeout(0);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('dialog', (dialog) => complaints.push(`dialog: ${dialog.message()}`));
    page.on('request', (request) => {
      const url = request.url();
      if (url !== pathToFileURL(file).href && !url.startsWith('data:')) complaints.push(`request: ${url}`);
    });
    await page.goto(pathToFileURL(file).href);
    // The last thing of the page: once it is drawn, all of it is parsed and styled, however busy the machine.
    await page.locator('footer p').waitFor({ state: 'visible' });
    return { page, complaints };
  }

  test('opens without a complaint and without a request, with all its sections', async () => {
    const { page, complaints } = await open(fakeResults());
    expect(await page.locator('h1').allInnerTexts()).toEqual(['CoIN on nano, original instructions']);
    expect(await page.locator('h2').allInnerTexts()).toEqual([
      'In three figures',
      'Accuracy matrix',
      'Just trained, and at the end',
      'Accuracy over the stages',
      'General knowledge',
      'Form or content',
      'Life lines',
      'How answers were read',
      'Examples',
      'Set-up',
    ]);
    expect(await page.locator('.in-strict .headline').textContent()).toContain(
      'LoRA ends at 30.5 on average',
    );
    const broken = await page.locator('img').evaluateAll((images) => {
      return images.filter((image) => (image as unknown as { naturalWidth: number }).naturalWidth === 0)
        .length;
    });
    expect(broken).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('a heat map has a cell per seen task and stage, coloured', async () => {
    const { page } = await open(fakeResults());
    const tasks = fakeTasks.length;
    const maps = page.locator('#matrix .in-strict .heat');
    expect(await maps.count()).toBe(2);
    const seen = maps.first().locator('td[class^="h"]');
    expect(await seen.count()).toBe(tasks + (tasks * (tasks + 1)) / 2);
    expect(await maps.first().locator('td.own').count()).toBe(tasks);
    const colours = await seen.evaluateAll((cells) => {
      const style = (globalThis as unknown as { getComputedStyle(e: unknown): { backgroundColor: string } })
        .getComputedStyle;
      return cells.map((cell) => style(cell).backgroundColor);
    });
    expect(new Set(colours).size).toBeGreaterThan(10);
    expect(colours).not.toContain('rgba(0, 0, 0, 0)');
    expect(await page.locator('.in-strict svg.radar').count()).toBe(2);
    expect(await page.locator('.in-strict .panels svg.curves').count()).toBe(tasks);
    await page.context().close();
  });

  test.each([true, false])(
    'the scoring switch works from the keyboard, script allowed: %s',
    async (script) => {
      const { page } = await open(fakeResults(), { script });
      const cell = (mode: string) =>
        page.locator(`.in-${mode} .heat td[title="ImageNet, after OCRVQA: 12.10"]`);
      expect(await cell('strict').first().isVisible()).toBe(true);
      expect(await page.locator('.in-reference .headline').isVisible()).toBe(false);
      await page.locator('#scoring-strict').focus();
      await page.keyboard.press('ArrowRight');
      expect(await page.locator('.in-strict .headline').isVisible()).toBe(false);
      expect(await page.locator('.in-reference .headline').textContent()).toContain('LoRA ends at 31.0');
      expect(await page.locator('.in-reference .heat').first().isVisible()).toBe(true);
      await page.context().close();
    },
  );

  test('examples are filtered by task and by what was forgotten', async () => {
    const { page } = await open(fakeResults());
    const visible = page.locator('.example:visible');
    expect(await visible.count()).toBe(24);
    await page.getByText('Grounding 3', { exact: true }).click();
    expect(await visible.count()).toBe(3);
    for (const label of await visible.evaluateAll((cards) =>
      cards.map((card) => card.getAttribute('aria-label')),
    )) {
      expect(label).toMatch(/^Grounding, /);
    }
    await page.getByText('All tasks 24', { exact: true }).click();
    await page.locator('#only-forgotten').check();
    const forgotten = await visible.count();
    expect(forgotten).toBeGreaterThan(0);
    expect(forgotten).toBeLessThan(24);
    expect(await page.locator('label:has(#only-forgotten)').textContent()).toBe(
      `Forgotten only ${forgotten}`,
    );
    await page.context().close();
  });

  test.each([
    [320, false],
    [390, false],
    [390, true],
    [768, false],
    [1280, true],
  ] as const)('nothing overflows sideways at %i pixels, dark: %s', async (width, dark) => {
    const awkward = fakeResults({ stages: [8, 5] });
    const long = 'Donaudampfschifffahrtsgesellschaftskapitaensmuetze'.repeat(4);
    const { page, complaints } = await open(
      {
        ...awkward,
        title: long,
        folder: long,
        provenance: { ...awkward.provenance, [long]: long },
        examples: awkward.examples.map((example, index) =>
          index === 0 ? { ...example, id: long, question: long, truth: long } : example,
        ),
      },
      { width, dark },
    );
    const [content, frame] = await page.evaluate(() => {
      const { documentElement } = (
        globalThis as unknown as {
          document: { documentElement: { scrollWidth: number; clientWidth: number } };
        }
      ).document;
      return [documentElement.scrollWidth, documentElement.clientWidth];
    });
    expect(content).toBeLessThanOrEqual(frame ?? 0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('routing fits a phone, in the dark too, and its squares are coloured', async () => {
    const routed = { ...fakeResults(), routing: fakeRouting(fakeTasks) };
    for (const [width, dark] of [
      [320, true],
      [1280, false],
    ] as const) {
      const { page, complaints } = await open(routed, { width, dark });
      const wide = await page.evaluate(() => {
        const { document } = globalThis as unknown as {
          document: { documentElement: { scrollWidth: number } };
        };
        return document.documentElement.scrollWidth;
      });
      expect(wide).toBeLessThanOrEqual(width);
      const fills = await page.locator('#routing svg.use path').evaluateAll((paths) => {
        const { getComputedStyle } = globalThis as unknown as {
          getComputedStyle(e: unknown): { fill: string };
        };
        return paths.map((path) => getComputedStyle(path).fill);
      });
      expect(new Set(fills).size).toBeGreaterThan(5);
      expect(await page.locator('#routing svg.curves').count()).toBe(fakeTasks.length - 1);
      expect(complaints).toEqual([]);
      await page.context().close();
    }
  });

  test('hostile predictions stay text', async () => {
    const hostile = `</td></table><script>window.pwned=1</script><img src=x onerror="window.pwned=1">`;
    const results = fakeResults();
    const { page, complaints } = await open({
      ...results,
      title: hostile,
      folder: hostile,
      examples: results.examples.map((example) => ({
        ...example,
        question: hostile,
        answers: example.answers.map((answer) => ({ ...answer, text: hostile })),
      })),
    });
    expect(await page.evaluate(() => Object.hasOwn(globalThis, 'pwned'))).toBe(false);
    expect(await page.locator('script, img[onerror]').count()).toBe(0);
    expect(await page.locator('h1').textContent()).toBe(hostile);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
