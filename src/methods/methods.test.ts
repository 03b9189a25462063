import { describe, expect, it } from 'vitest';
import { methods } from './index.ts';

for (const [name, method] of Object.entries(methods)) {
  describe(`${name} claims`, () => {
    it('is registered under its own name', () => expect(method.name).toBe(name));
    for (const claim of method.claims()) {
      it(claim.statement, async () => {
        const { found, holds } = await claim.check();
        expect(holds, found).toBe(true);
      });
    }
  });
}
