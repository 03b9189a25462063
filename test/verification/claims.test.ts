// Every method's claims, on the toy. That a claim fails when its mechanism is switched off is in claims-broken.test.ts.
import { afterAll, describe, expect, it } from 'vitest';
import { type Method, methods } from '../../src/methods/index.ts';
import { ToyLaboratory } from '../../src/verification/laboratory.ts';

const laboratory = new ToyLaboratory();
afterAll(() => laboratory.dispose());

for (const [name, method] of Object.entries<Method>(methods)) {
  describe(`${name} claims`, () => {
    it('is registered under its own name, and claims something', () => {
      expect(method.name).toBe(name);
      expect(method.claims().length).toBeGreaterThanOrEqual(2);
    });
    for (const claim of method.claims()) {
      it(claim.statement, async () => {
        const { found, holds } = await claim.check(laboratory);
        expect(holds, found).toBe(true);
      });
    }
  });
}
