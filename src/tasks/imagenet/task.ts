// ImageNet: name the object in an image, one of 100 classes. The answer is the class name.
import { defineTask } from '../define.ts';
import { classNameStyle } from '../styles.ts';
import { imagenetScorer } from './score.ts';

export const imagenet = defineTask({
  name: 'ImageNet',
  summary: 'naming the pictured object, one of 100 classes',
  maxNewTokens: 1024,
  referenceAspect: 'crop',
  scorer: imagenetScorer,
  style: classNameStyle,
});
