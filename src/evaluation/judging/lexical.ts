// A judge that needs no model: it compares words, numbers and boxes. A stand-in, not a judge: it knows no world and no
// paraphrase beyond WordNet's synonyms. Whatever shows its figures must call them that.
import { intersectionOverUnion, strictBox } from '../../tasks/grounding/score.ts';
import type { AnswerStyle, TestSample } from '../../tasks/task.ts';
import { normaliseHumanAnswer } from '../../tasks/vqa.ts';
import { WordNet } from './wordnet.ts';

/** What a change of the rules below changes: judgings made under another version are made again. */
export const lexicalVersion = 1;

export class LexicalJudge {
  readonly #wordNet = new WordNet();

  /**
   * A whole number of 0 to 10: ten times the overlap of the boxes where boxes are asked for; 10 where the answer is
   * right once what is around it is passed over; otherwise ten times the F1 of the words, where a number equals the same
   * number and a word its synonyms. Of several accepted answers the best.
   */
  score(sample: TestSample, text: string, style: AnswerStyle): number {
    if (style.judgedAs === 'box') {
      const [box, truth] = [strictBox(text), sample.truth.box];
      return box === undefined || truth === undefined ? 0 : tenths(intersectionOverUnion(box, truth));
    }
    if (style.isRightLeniently(sample, text)) return 10;
    const { choices, choiceIndex, humanAnswers = [] } = sample.truth;
    const named = choiceIndex === undefined ? undefined : choices?.[choiceIndex];
    const accepted = [sample.answer, ...humanAnswers, ...(named === undefined ? [] : [named])];
    return tenths(Math.max(...accepted.map((answer) => this.#agreement(answer, text))));
  }

  #agreement(truth: string, text: string): number {
    const [wanted, given] = [normaliseHumanAnswer(truth), normaliseHumanAnswer(text)];
    if (wanted === '' || given === '') return 0;
    if (this.#wordNet.areSynonyms(wanted, given)) return 1;
    return this.#wordF1(wanted.split(' '), given.split(' '));
  }

  /** F1 = 2 · matches / (words of both); each word matches once. */
  #wordF1(wanted: readonly string[], given: readonly string[]): number {
    const open = [...wanted];
    let matches = 0;
    for (const word of given) {
      const place = open.findIndex(
        (other) => sameNumber(other, word) || this.#wordNet.areSynonyms(other, word),
      );
      if (place === -1) continue;
      open.splice(place, 1);
      matches++;
    }
    return (2 * matches) / (wanted.length + given.length);
  }
}

function sameNumber(first: string, second: string): boolean {
  return /^\d/.test(first) && /^\d/.test(second) && Number(first) === Number(second);
}

function tenths(share: number): number {
  return Math.round(10 * Math.min(1, Math.max(0, share)));
}
