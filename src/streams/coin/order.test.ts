import { describe, expect, it } from 'vitest';
import { coinTasks } from '../../tasks/index.ts';
import { alphabeticalOrder, describeTaskOrder, officialOrder, resolveTaskOrder } from './order.ts';

describe('the order of tasks', () => {
  it('is official unless asked otherwise (reference.md, Order and file names)', () => {
    expect(resolveTaskOrder()).toBe(officialOrder);
    expect(resolveTaskOrder('alphabetical')).toBe(alphabeticalOrder);
    expect(resolveTaskOrder(['GQA', 'VizWiz'])).toEqual(['GQA', 'VizWiz']);
    expect([...alphabeticalOrder].sort()).toEqual([...officialOrder].sort());
    expect([...coinTasks].sort()).toEqual([...officialOrder].sort());
  });

  it('is random by seed when asked', () => {
    const orders = [0, 1, 2].map((seed) => resolveTaskOrder('random', seed));
    expect(resolveTaskOrder('random', 1)).toEqual(orders[1]);
    expect(new Set(orders.map(String)).size).toBe(3);
    for (const order of orders) expect([...order].sort()).toEqual([...officialOrder].sort());
    expect(describeTaskOrder(orders[1]!, 1)).toBe('random, by seed 1');
    expect(describeTaskOrder(officialOrder, 1)).toBe('official');
    expect(describeTaskOrder(['GQA'], 1)).toBe('a list of its own');
  });

  it.each([
    [['OCR-VQA'], /unknown task "OCR-VQA"; known: ScienceQA, .*\n {2}hint: did you mean OCRVQA\?/],
    [['gqa'], /did you mean GQA\?/],
    [['TextVqa', 'GQA'], /did you mean TextVQA/],
    [['ImageNet', 'Flickr30k'], /unknown task "Flickr30k"; known: [^\n]*$/],
    [['toString'], /unknown task "toString"/],
    [['GQA', 'VizWiz', 'GQA'], /GQA occurs twice/],
    [[], /at least one task/],
    ['GQA,VizWiz', /expected an order or a list, found the text "GQA,VizWiz"\n {2}hint: .*\[GQA,VizWiz\]/],
    [
      'alphabetic',
      /unknown task order "alphabetic"; known: official, alphabetical, random\n {2}hint: did you mean alphabetical/,
    ],
  ])('refuses %j', (order, message) => {
    expect(() => resolveTaskOrder(order)).toThrow(message);
  });
});
