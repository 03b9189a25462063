// The built-in families of models. Others come from plug-ins; nothing but this list names one.
import type { Family } from './family.ts';
import { llava } from './llava/index.ts';

export const families: readonly Family[] = [llava];

export type { Family, ModelAdapter, ModelOutline, ModelShape, ModelSketch, OpenModel } from './family.ts';
export { defineFamily } from './family.ts';
export { familyOf, locateModel, openModel, outlineModel, requireWhole, sketchModel } from './locate.ts';
