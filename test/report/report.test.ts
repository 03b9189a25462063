// The report as text: one file that fetches nothing, with every figure of the run and nothing of its input unescaped.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { renderReport } from '../../src/report/page/html.ts';
import type { RunResults } from '../../src/report/results.ts';
import { besideFigures, besideNotes } from '../../src/report/words/beside.ts';
import { drawn, fakeResults } from '../support/fake-results.ts';

const results = fakeResults();
const hostile = `"><script>window.pwned=1</script><img src=x onerror='window.pwned=2'></style></title>&`;

/** The run with every text of it replaced by, or ending in, a hostile one. */
function hostileResults(): RunResults {
  const tasks = results.tasks.map((task) => task + hostile);
  const rename = (record: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(record).map(([task, score]) => [task + hostile, score]));
  const mode = {
    zeroShot: rename(results.modes.strict.zeroShot),
    methods: Object.fromEntries(
      Object.entries(results.modes.strict.methods).map(([name, method]) => [
        name + hostile,
        {
          ...method,
          matrix: {
            tasks,
            rows: method.matrix.rows.map(({ after, scores }) => ({
              after: after + hostile,
              scores: rename(scores),
            })),
          },
          unreadable: method.unreadable.map((entry) => ({
            ...entry,
            after: entry.after + hostile,
            task: entry.task + hostile,
          })),
        },
      ]),
    ),
  };
  return {
    title: hostile,
    folder: hostile,
    changed: [hostile],
    tasks,
    modes: { strict: mode, reference: mode },
    methods: results.methods.map((method) => ({ ...method, name: method.name + hostile, label: hostile })),
    configuration: { [hostile]: hostile, nested: { [hostile]: [hostile] } },
    provenance: { [hostile]: hostile },
    judges: results.judges?.map((judge) => ({
      ...judge,
      id: hostile,
      label: hostile,
      settings: { [hostile]: hostile },
      modes: { strict: mode, reference: mode },
    })),
    errors: {
      judge: { id: hostile, label: hostile, standIn: false },
      cells: (results.errors?.cells ?? []).map((cell) => ({
        ...cell,
        method: (cell.method ?? '') + hostile,
        after: (cell.after ?? '') + hostile,
        task: cell.task + hostile,
      })),
    },
    lifeLines: results.lifeLines?.map((line) => ({
      ...line,
      method: line.method + hostile,
      task: line.task + hostile,
    })),
    reask: { cells: [{ method: hostile, after: hostile, task: hostile, asked: 1, back: 0 }] },
    examples: results.examples.map((example, index) => ({
      ...example,
      task: example.task + hostile,
      method: example.method + hostile,
      id: example.id + hostile,
      question: hostile,
      truth: hostile,
      image: index % 2 === 0 ? `https://example.com/${hostile}` : drawn(index),
      answers: example.answers.map((answer) => ({ ...answer, after: answer.after + hostile, text: hostile })),
    })),
  };
}

describe('untrusted text', () => {
  const page = renderReport(hostileResults());

  test('never becomes markup', () => {
    expect(page).not.toMatch(/<script/i);
    // Quotes are escaped, so a real attribute would be followed by a bare one.
    expect(page).not.toMatch(/onerror=["']/);
    expect(page).toContain('&lt;script&gt;window.pwned=1&lt;/script&gt;');
    expect(page.match(/<\/style>/g)).toHaveLength(1);
    // The page's own, and one per piece of a drawing.
    expect(page.match(/<\/title>/g)?.length).toBe(page.match(/<title>/g)?.length);
  });

  test('cannot name an image outside the page', () => {
    expect(page).not.toMatch(/<img src="(?!data:image\/)/);
    expect(page).toMatch(/<img src="data:image\/png;base64,/);
  });
});

test('nothing is fetched, nothing can run, and the style sheet is the one the policy names', () => {
  const page = renderReport(results);
  expect(page).not.toMatch(/<script|javascript:|@import|url\(|\sstyle=|\son[a-z]+=/i);
  expect(page.match(/(?:src|href)="(?!data:|#)[^"]*"/g)).toBeNull();
  expect(page.match(/https?:/g)).toBeNull();
  const css = /<style>([\s\S]*)<\/style>/.exec(page)?.[1] ?? '';
  const hash = createHash('sha256').update(css).digest('base64');
  expect(page).toContain(`default-src &#39;none&#39;`);
  expect(page).toContain(`style-src &#39;sha256-${hash}&#39;`);
});

test('the same results give the same bytes', () => {
  expect(renderReport(fakeResults())).toBe(renderReport(fakeResults()));
});

test('the figures are those of the run, in both scorings', () => {
  const page = renderReport(results);
  for (const text of ['30.54', '39.50', '43.46', '51.79', '−31.24', '−23.70', '30.95', '−30.86', '393,216']) {
    expect(page).toContain(`>${text}<`);
  }
  expect(page).toContain('title="ImageNet, after OCRVQA: 12.10"');
  expect(page).toContain('title="ImageNet, after OCRVQA: 16.30"');
  expect(page).toContain('LoRA ends at 30.5 on average, 31.2 points below what it had');
});

describe('what a judge says', () => {
  const page = renderReport(results);

  test('is beside exact scoring, with its own figures', () => {
    expect(page).toContain('Judge: Judge 7B');
    expect(page).toContain('12 judgements could not be read and are left out');
    expect(page).toContain('at 1 the reference itself would stop');
    expect(page).toContain('right by Judge 7B, 8 or more');
  });

  test('is not called knowledge where nobody judged', () => {
    const [, standIn] = results.judges ?? [];
    if (standIn === undefined) throw new Error('the builder has no stand-in');
    const { label, id } = standIn;
    const alone = renderReport({
      ...results,
      judges: [standIn],
      errors: { cells: results.errors?.cells ?? [], judge: { id, label, standIn: true } },
    });
    expect(alone).toContain('<b>Not a judge.</b>');
    expect(alone).toContain('near in words (lexical stand-in), 8 or more');
    expect(alone).toContain('Nearness in words of LoRA in percent');
    expect(alone).not.toContain('General knowledge of LoRA');
    expect(alone).toContain('A judge has not rated this run');
    expect(alone).not.toContain('lost their form more than');
    const { judges: _, ...unjudged } = results;
    expect(renderReport(unjudged)).toContain('Nobody has judged this run.');
  });
});

test('kinds of error and life lines are drawn from their counts', () => {
  const page = renderReport(results);
  // LoRA after the last stage: 9 to 60 lost per task, a third of it in content.
  expect(page).toMatch(/LoRA: of 249 samples forgotten at the end, 67 % are answered in another form/);
  expect(page).toContain('<title>after ImageNet: wrong in content 6.0 %</title>');
  expect(page).toContain('<title>after TextVQA: still right 40.0 %</title>');
  expect(page).toMatch(/<td class="number">40<\/td><td class="number">10<\/td><td class="number">30<\/td>/);
});

describe('runs that are not finished', () => {
  test.each([
    [0, 0],
    [1, 0],
    [2, 1],
    [5, 3],
    [8, 7],
  ] as const)('%i and %i stages', (first, second) => {
    const page = renderReport(fakeResults({ stages: [first, second] }));
    expect(page).toContain('Unfinished.');
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('a radar needs three tasks and says so', () => {
    expect(renderReport(fakeResults({ stages: [8, 2] }))).toContain(
      'The chart needs three learned tasks; MoELoRA has 2.',
    );
  });

  test('no methods, no examples, no settings', () => {
    const page = renderReport({ ...results, methods: [], examples: [], configuration: {}, provenance: {} });
    expect(page).toContain('This run has no method');
    expect(page).not.toMatch(/NaN|undefined/);
    expect(renderReport({ ...results, examples: [] })).toContain('This run has no examples.');
  });
});

test('a hundred examples without images stay below 600 kB', () => {
  const many = fakeResults({ examplesPerTask: 13 });
  const bare = { ...many, examples: many.examples.map(({ image: _, ...example }) => example) };
  expect(new Set(bare.examples.map(({ id }) => id)).size).toBe(104);
  expect(Buffer.byteLength(renderReport(bare))).toBeLessThan(600_000);
});

test('long answers are cut by characters, not through them', () => {
  const [example] = results.examples;
  if (example === undefined) throw new Error('the builder has no example');
  const text = '👩‍👩‍👧'.repeat(400);
  const page = renderReport({
    ...results,
    examples: [{ ...example, answers: [{ after: 'ScienceQA', text, verdict: 'wrong' }] }],
  });
  expect(page).toContain(`${'👩‍👩‍👧'.repeat(239)}…`);
  expect(page).not.toContain('👩‍👩‍👧'.repeat(240));
});

describe('beside a published row of judge scores', () => {
  const beside = {
    label: 'published LoRA',
    kind: 'judge' as const,
    matrix: { tasks: ['GQA', 'OCRVQA'], rows: [{ after: 'GQA', scores: { GQA: 61 } }] },
    zeroShot: {},
    notes: [],
  };
  const [real, standIn] = results.judges ?? [];

  test("stand the run's own, by its parser and its name", () => {
    const figures = besideFigures({ ...results, beside });
    // As reference scoring has them in the builder's results, which its judges share.
    const gqa = real?.modes.reference.methods.lora?.matrix.rows.at(-1)?.scores.GQA;
    expect(figures?.columns.map(({ label }) => label)).toEqual(['published', 'LoRA', 'MoELoRA']);
    expect(figures?.columns[1]?.tasks[0]?.final).toBe(gqa);
    expect(figures && besideNotes(figures)[0]).toBe(
      "Over the 2 tasks that both have; judge scores, read by the reference's parser; the run's are those of Judge 7B.",
    );
  });

  test('the stand-in is called that, and without a judge there is nothing of the run', () => {
    if (standIn === undefined) throw new Error('the builder has no stand-in');
    const words = besideFigures({ ...results, beside, judges: [standIn] });
    expect(words && besideNotes(words)[0]).toContain('the lexical stand-in, which is no judge');
    const { judges: _, ...unjudged } = results;
    const alone = besideFigures({ ...unjudged, beside });
    expect(alone?.columns.map(({ label }) => label)).toEqual(['published']);
    expect(alone && besideNotes(alone)[0]).toContain('nobody has judged this run');
  });
});
