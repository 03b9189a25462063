// What score a judge's answer really states, if it states exactly one between 0 and 10. Where it is in doubt, nothing:
// a wrong score is worse than one that is counted as unparsed.

export type UnparsedReason =
  | 'empty'
  | 'no score'
  | 'refusal'
  | 'several scores'
  | 'out of range'
  | 'another scale';

const words = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const number = String.raw`(?<![\w.,])[-+−]?\d+(?:\.\d+)?(?![\w]|[.,]\d)`;
const unit = String.raw`(?:\s*(?:\/\s*10|out\s+of\s+(?:10|ten)|points?|pts?)(?!\w))?`;
const label = `(?:scor(?:e|es|ed|ing)|rat(?:e|es|ed|ing)|grad(?:e|es|ed)|giv(?:e|es|en|ing)|award(?:s|ed)?)`;

/** The whole scale named in passing: "on a scale of 0 to 10", "(0-10)". */
const scale =
  /(?:on\s+)?(?:a\s+|the\s+)?(?:scale\s+(?:of|from)\s+|from\s+|between\s+|\(\s*)[01]\s*(?:to|and|-|–|—)\s*10\s*\)?/gi;
const refusal = /\b(?:can(?:no|['’])t|can\s+not|unable\s+to|won['’]t|will\s+not|refuse|sorry)\b/i;
const otherScale = /(?<![\w.])\d+(?:\.\d+)?\s*(?:%|(?:\/|out\s+of)\s*(?!10(?!\d|\.\d)|ten\b)\d)/i;

const onlyWord = new RegExp(
  `^(?:the\\s+)?(?:${label}\\s*(?:is|:|=|of)?\\s*)?(${words.join('|')})${unit}[.!]?$`,
  'i',
);
/** The separators and the words between them share no character, so that no text takes long to match. */
const labelled = new RegExp(
  `\\b${label}\\b(?:[\\s:=]{1,3}[^\\s\\d:=]{1,14}){0,5}?[\\s:=]{0,4}(${number})`,
  'gi',
);
const withUnit = new RegExp(
  `(${number})\\s*(?:\\/\\s*10|out\\s+of\\s+(?:10|ten)|points?|pts?)(?![\\w.]\\d|\\w)`,
  'gi',
);
const inFront = new RegExp(`^(${number})(?=$|[\\s.,:;!)])`);

/** A judge is asked for one line; of an essay the beginning is read. */
const longestText = 2000;

/** The score of an answer, or why there is none. */
export function strictScore(
  text: string,
): { readonly score: number } | { readonly unparsed: UnparsedReason } {
  const spoken = text.replace(/^\s*<think>.*?<\/think>/is, '');
  const plain = spoken
    .slice(0, longestText)
    .replace(/[*`"“”]/g, '')
    .trim();
  if (plain === '') return { unparsed: 'empty' };
  const fromJson = scoreInJson(spoken);
  if (fromJson !== undefined) return inRange([fromJson]);
  const word = onlyWord.exec(plain)?.[1];
  if (word !== undefined) return { score: words.indexOf(word.toLowerCase()) };
  if (otherScale.test(plain)) return { unparsed: 'another scale' };
  const bare = plain.replace(scale, ' ').trim();
  const stated = [...bare.matchAll(withUnit), ...bare.matchAll(labelled)].map(([, found]) => toNumber(found));
  if (refusal.test(bare)) return { unparsed: 'refusal' };
  if (stated.length > 0) return inRange(stated);
  const first = inFront.exec(bare)?.[1];
  if (first === undefined) return { unparsed: 'no score' };
  const all = [...bare.matchAll(new RegExp(number, 'g'))].map(([found]) => toNumber(found));
  // "8\nThe truth has 3 boats": what is asked for is one line with only the number.
  const alone = bare.split('\n')[0]?.replace(/[.\s]+$/, '') === first;
  return alone ? inRange([toNumber(first)]) : inRange(all);
}

function inRange(scores: readonly number[]) {
  const [score, another] = new Set(scores);
  if (score === undefined) return { unparsed: 'no score' as const };
  if (another !== undefined) return { unparsed: 'several scores' as const };
  return score >= 0 && score <= 10 ? { score } : { unparsed: 'out of range' as const };
}

function toNumber(text: string | undefined): number {
  return Number((text ?? '').replace('−', '-'));
}

/** `{"score": 8}`, as structured output gives it. */
function scoreInJson(text: string): number | undefined {
  const object = /^\s*(?:```(?:json)?\s*)?(\{[^{}]*\})\s*(?:```)?\s*$/i.exec(text)?.[1];
  if (object === undefined) return undefined;
  try {
    const { score } = JSON.parse(object) as { readonly score?: unknown };
    const value = typeof score === 'string' && /^\d+(\.\d+)?$/.test(score) ? Number(score) : score;
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
