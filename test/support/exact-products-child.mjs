// Run under an emulated processor: says in which bytes 8-bit products are exact on it.
import { areExact, exactBytes } from '../../dist/tensor/exact-products.js';

console.log(
  JSON.stringify({
    signed: await areExact('signed'),
    unsigned: await areExact('unsigned'),
    chosen: await exactBytes(),
  }),
);
