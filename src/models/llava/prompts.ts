// How LLaVA writes a conversation: the template's text around questions, answers and the picture.
// Gives segments, not tokens; the processor encodes them. A prompt is always a conversation's beginning.
// Source: LLaVA-1.5's conversation templates `vicuna_v1` and `plain`.

import type { Turn } from '../../tasks/task.ts';

export type Segment =
  | { readonly kind: 'text'; readonly text: string }
  /** Stands for all placeholder tokens of the one picture. */
  | { readonly kind: 'image' }
  /** What the model must learn to say; the text before it needs no space at its end. */
  | { readonly kind: 'answer'; readonly text: string }
  /** End of sequence, learnt with the answer before it. */
  | { readonly kind: 'end' };

export type TemplateName = 'vicuna_v1' | 'roles' | 'plain';

interface PromptTemplate {
  /** Stands before the first question. */
  readonly system: string;
  /** Whether questions and roles are written at all. */
  readonly roles: boolean;
}

const templates: { readonly [N in TemplateName]: PromptTemplate } = {
  vicuna_v1: {
    system:
      "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions. ",
    roles: true,
  },
  /** `vicuna_v1` without its system sentence, for models with a small vocabulary. */
  roles: { system: '', roles: true },
  // paper: a caption ends with a line break / here: with the end of sequence, so that generation stops.
  plain: { system: '', roles: false },
};

export const templateNames = Object.keys(templates) as readonly TemplateName[];

/** A conversation for training. The picture stands before the first question. `turns` must not be empty. */
export function renderConversation(
  template: TemplateName,
  turns: readonly Turn[],
  { hasImage }: { readonly hasImage: boolean },
): readonly Segment[] {
  if (turns.length === 0) throw new Error('prompt: a conversation has no turns');
  return turns.flatMap(({ question, answer }, turn): Segment[] => [
    ...renderQuestion(template, question, { hasImage: hasImage && turn === 0, first: turn === 0 }),
    { kind: 'answer', text: answer },
    { kind: 'end' },
  ]);
}

/** The prompt that asks one question: what `renderConversation` writes before the first answer. */
export function renderPrompt(
  template: TemplateName,
  question: string,
  { hasImage }: { readonly hasImage: boolean },
): readonly Segment[] {
  return renderQuestion(template, question, { hasImage, first: true });
}

function renderQuestion(
  template: TemplateName,
  question: string,
  { hasImage, first }: { readonly hasImage: boolean; readonly first: boolean },
): Segment[] {
  const { system, roles } = templates[template];
  if (!roles) return hasImage ? [{ kind: 'image' }] : [];
  const open = `${first ? system : ''}USER: `;
  return hasImage
    ? [{ kind: 'text', text: open }, { kind: 'image' }, { kind: 'text', text: `\n${question} ASSISTANT:` }]
    : [{ kind: 'text', text: `${open}${question} ASSISTANT:` }];
}
