// What PEFT 0.21.2's `check_target_module_exists` and `get_pattern_key` say of the same rows.
import { describe, expect, it } from 'vitest';
import { isTargeted, type ModuleRules, pythonPattern, sizeOf } from './peft-modules.ts';

const path = 'model.language_model.layers.11.self_attn.q_proj';
const targeted = (rules: Partial<ModuleRules>) =>
  isTargeted(path, { targetModules: ['q_proj'], modulesToSave: [], ...rules });

describe('isTargeted', () => {
  it.each<[Partial<ModuleRules>, boolean]>([
    [{}, true],
    [{ targetModules: ['self_attn.q_proj', 'lm_head'] }, true],
    [{ targetModules: [path] }, true],
    [{ targetModules: ['_proj'] }, false],
    [{ targetModules: '.*q_proj' }, true],
    [{ targetModules: 'q_proj' }, false],
    [{ targetModules: '.*q_pro' }, false],
    [{ targetModules: 'all-linear' }, true],
    [{ excludeModules: ['q_proj'] }, false],
    [{ excludeModules: '.*layers.11.*' }, false],
    [{ excludeModules: 'layers.11' }, true],
    [{ modulesToSave: ['self_attn'] }, false],
    [{ modulesToSave: ['attn'] }, true],
    [{ layersToTransform: [11] }, true],
    [{ layersToTransform: [1] }, false],
    [{ layersToTransform: [] }, true],
    // A pattern names layers itself.
    [{ layersToTransform: [1], targetModules: '.*q_proj' }, true],
    [{ layersToTransform: [11], layersPattern: ['layers'] }, true],
    [{ layersToTransform: [11], layersPattern: ['blocks'] }, false],
  ])('%j', (rules, expected) => expect(targeted(rules)).toBe(expected));
});

describe('sizeOf', () => {
  const rules = { rank: 8, alpha: 16, rankPattern: {}, alphaPattern: {} };

  it.each<[Record<string, number>, number]>([
    [{}, 8],
    [{ q_proj: 2 }, 2],
    [{ k_proj: 2, 'self_attn.q_proj': 3, q_proj: 4 }, 3],
    [{ proj: 2 }, 8],
    [{ 'layers\\.1\\d\\.self_attn\\.\\w_proj': 5 }, 5],
    [{ 'layers.1.self_attn.q_proj': 5 }, 8],
    [{ [`^${path}`]: 6 }, 6],
  ])('ranks of %j', (rankPattern, rank) =>
    expect(sizeOf(path, { ...rules, rankPattern })).toEqual({ rank, alpha: 16 }),
  );

  it('takes alpha by its own patterns', () => {
    expect(sizeOf(path, { ...rules, alphaPattern: { q_proj: 1 } })).toEqual({ rank: 8, alpha: 1 });
  });
});

it.each(['(?P<a>x)', '(?i)x', String.raw`x\Z`, 'x++', 'x{2}+', '(?>x)', '('])(
  'does not guess what %s means',
  (source) => expect(() => pythonPattern(source)).toThrow(SyntaxError),
);
