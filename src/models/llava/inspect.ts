// What a LLaVA's folder says of itself, even where it cannot be opened: configurations and headers; what cannot be read is
// listed, and the rest is still said.
import { type Issue, UserError } from '../../base/errors.ts';
import { loadTokenizer } from '../../formats/text/tokenizer.ts';
import type { FolderInspection } from '../family.ts';
import { type ImageTransform, readImageTransform } from '../parts/clip/processor.ts';
import { checkWeights } from './inventory.ts';
import { openLlava, outlineOf } from './model.ts';
import { type LlavaSources, openSources } from './sources.ts';
import { LlavaWeights } from './weights.ts';

const layouts = {
  transformers: "one folder, transformers' layout",
  original: "the original code's layout",
  composed: 'composed of several folders',
} as const;
const decoders = { llama: 'LLaMA', mistral: 'Mistral', qwen2: 'Qwen2' } as const;

export function inspectLlava(folder: string): FolderInspection {
  const issues: Issue[] = [];
  const attempt = <T>(action: () => T): T | undefined => {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      issues.push(...error.issues);
      return undefined;
    }
  };
  const sources = attempt(() => openSources(folder));
  if (sources === undefined) return { facts: {}, issues };
  const { config, layout, checkpoint, tokenizerFolder, imageFolder } = sources;
  const outline = attempt(() => outlineOf(config, new LlavaWeights(checkpoint)));
  if (outline !== undefined) attempt(() => checkWeights(config, outline.weights));
  const isComplete = issues.length === 0;
  const tokenizer = attempt(() => loadTokenizer(tokenizerFolder));
  const transform = attempt(() => readImageTransform(imageFolder));
  const template = issues.length === 0 ? attempt(() => openLlava(folder).template) : undefined;
  return {
    description: describe(sources),
    layout,
    images: describeImages(sources, transform),
    template,
    tokenizer,
    outline,
    isComplete,
    imageRows: config.imageTokens,
    facts: { config, transform },
    issues,
  };
}

function describe({ layout, config: { text, vision } }: LlavaSources): string {
  const tower = `${vision.imageSize} × ${vision.imageSize} pixels, patches of ${vision.patchSize}`;
  return `LLaVA, ${layouts[layout]}: ${decoders[text.family]} decoder of ${text.layers} layers, vision tower for ${tower}`;
}

function describeImages({ config }: LlavaSources, transform: ImageTransform | undefined): string {
  const { width, height } = transform?.outputSize ?? {};
  const pixels = width === undefined ? '' : `${width} × ${height} pixels, `;
  return `${pixels}${config.imageTokens} tokens each`;
}
