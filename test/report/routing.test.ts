// Routing on the page and on a terminal, out of made-up uses of experts.
import { describe, expect, test } from 'vitest';
import { renderReport } from '../../src/report/page/html.ts';
import type { RunResults } from '../../src/report/results.ts';
import { renderRouting } from '../../src/report/terminal/terminal-routing.ts';
import { mixtureFigures, routingSentences } from '../../src/report/words/routing-figures.ts';
import { fakeResults, fakeTasks } from '../support/fake-results.ts';
import { fakeRouting } from '../support/fake-routing.ts';

const results: RunResults = { ...fakeResults(), routing: fakeRouting(fakeTasks) };
const options = { width: 100, color: false };
const [figures] = mixtureFigures(results);
if (figures === undefined) throw new Error('the builder has no mixture');

/** The mixture with every layer's use replaced. */
function withUse(spread: number, weight: readonly number[]): RunResults {
  const routing = fakeRouting(fakeTasks, 2);
  const kind = { tokens: 3, layers: [{ weight, first: weight, spread }] };
  const [mixture] = routing.mixtures;
  const stages = (mixture?.stages ?? []).map((stage) => ({
    ...stage,
    tasks: stage.tasks.map((task) => ({ ...task, use: { question: kind } })),
  }));
  const mixtures = [{ method: 'moelora', experts: 4, layers: ['own'], samples: 1, stages }];
  return { ...results, routing: { ...routing, mixtures, unread: [], choices: [] } };
}
const sentencesOf = (shown: RunResults) => mixtureFigures(shown).flatMap(routingSentences);

test('figures are those of the uses', () => {
  expect(figures.after).toBe('OCRVQA');
  expect(figures.kinds.map(({ kind, tokens }) => [kind, tokens])).toEqual([
    ['image', 280],
    ['question', 320],
    ['answer', 320],
  ]);
  expect(figures.kinds[0]?.perToken).toBeCloseTo(4 ** 0.8, 9);
  expect(figures.dead).toEqual([{ layer: 0, expert: 3 }]);
  // Task 0 and task 3 prefer the same experts, task 0 and task 1 do not; a task is not apart from itself.
  expect(figures.apart[0]?.[0]).toBeCloseTo(0, 12);
  expect(figures.apart[0]?.[3]).toBeLessThan(figures.apart[0]?.[1] ?? 0);
  const [first = []] = figures.drift;
  expect(first[0]).toBe(0);
  first.slice(1).forEach((value, stage) => {
    expect(value).toBeGreaterThan(first[stage] ?? 100);
  });
  expect(figures.drift[3]?.slice(0, 4)).toEqual([undefined, undefined, undefined, 0]);
});

describe('words', () => {
  test('say that routing is uniform, that tasks use the same experts, and that none is dead', () => {
    const [even, same, moved, dead] = sentencesOf(withUse(0.96, [0.25, 0.25, 0.25, 0.25]));
    expect(even).toMatch(/^Routing of MoELoRA is uniform: a token mixes 3\.8 of 4 experts/);
    expect(same).toBe('Tasks use the same experts: two tasks differ by 0.000 bits of 1.');
    expect(moved).toBe(
      'Since ScienceQA was learned, 0.0 % of the weight of its tokens went to other experts.',
    );
    expect(dead).toMatch(/^No expert is dead/);
  });

  test('say how far tasks are apart', () => {
    const apart = (bits: number) =>
      routingSentences({ ...figures, apart: figures.apart.map((row) => row.map(() => bits)) })[1];
    expect(apart(0.3)).toMatch(/^Tasks are told apart: two tasks differ by 0\.300 bits of 1 on average/);
    expect(apart(0.05)).toMatch(/^Tasks are told apart a little: /);
    expect(apart(0.005)).toMatch(/^Tasks use the same experts: /);
  });

  test('tell experts that are used alike from tokens that use all', () => {
    const [balanced] = sentencesOf(withUse(0.2, [0.25, 0.25, 0.25, 0.25]));
    expect(balanced).toMatch(/mixes 1\.3 of 4 experts of a layer; taken together, tokens use all of them/);
    const [skewed, , , dead] = sentencesOf(withUse(0.2, [0.95, 0.02, 0.02, 0.01]));
    expect(skewed).toMatch(/some experts are used more than others: together, tokens use 1\.3/);
    expect(dead).toMatch(
      /^3 of 4 experts are dead, with less than 2\.5 % .*: expert 2 of own, expert 3 of own/,
    );
  });
});

test('the page shows maps, divergences, drift, choices and what nobody has read', () => {
  const page = renderReport(results);
  expect(page.match(/<svg class="use"/g)).toHaveLength(fakeTasks.length);
  expect(page).toContain('1 of 24 experts is dead');
  expect(page).toContain('expert 4 of layer 0 q');
  expect(page).toContain('MoELoRA, questions of ScienceQA: question tokens use');
  expect(page).toContain('<td class="h18 own" title="ScienceQA, ScienceQA: 90.0 %">90</td>');
  expect(page).toContain('After OCRVQA, 90.0 % of the questions of a task go to its own expert.');
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
  expect(page).not.toContain('Not shown');
  const part = renderReport({ ...results, routing: fakeRouting(fakeTasks, 6) });
  expect(part).toContain('Not shown, MoELoRA after VQAv2, OCRVQA: trained, and nobody has read its gates.');
  const none = renderReport({ ...results, routing: fakeRouting(fakeTasks, 0) });
  expect(none).toContain('Not shown, 8 stages of MoELoRA');
  expect(none).not.toMatch(/NaN|undefined|Infinity|<svg class="use"/);
  expect(renderReport(fakeResults())).not.toContain('id="routing"');
});

test('names out of files stay text', () => {
  const hostile = `"><script>window.pwned=1</script>`;
  const routing = fakeRouting(fakeTasks.map((task) => task + hostile));
  const page = renderReport({ ...results, tasks: fakeTasks.map((task) => task + hostile), routing });
  expect(page).not.toMatch(/<script/i);
  expect(page).toContain('&lt;script&gt;window.pwned=1');
});

test('a terminal shows the same', () => {
  const text = renderRouting(results, options);
  expect(text).toMatch(/^MoELoRA after OCRVQA: the experts of 6 layers, over 16 questions of each task\n/);
  expect(text).toMatch(/^image +280 +3\.03 /m);
  expect(text).toMatch(/^ScienceQA +100 +90\.0 % +90 +10 /m);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(renderRouting(fakeResults(), options)).toBe(
    'No method of this run has gates or chooses an expert for a question.',
  );
});
