// The reference's hyper-parameters per model (reference.md, Hyper-parameters), as far as a configuration can say them.
// Data only. reference: 8 GPUs take a batch each and their gradients are averaged / here: 8 batches are added up for
// one step.
import type { ScoredModel } from '../../tasks/task.ts';

export interface Recipe {
  readonly label: string;
  /** Whether this package can train the model. */
  readonly trainsHere: boolean;
  readonly adapter: {
    readonly rank: number;
    readonly alpha: number;
    readonly dropout: number;
    readonly experts: number;
  };
  readonly training: {
    readonly epochs: number;
    readonly batchSize: number;
    readonly taskBatchSizes: Readonly<Record<string, number>>;
    readonly accumulation: number;
    readonly learningRate: number;
    readonly projectorLearningRate: number;
    readonly weightDecay: number;
    readonly beta2: number;
    readonly schedule: 'cosine';
    readonly warmupRatio: number;
    readonly maxTokens: number;
  };
  /** What of the reference a configuration here cannot say. */
  readonly notes: readonly string[];
}

const graphicsCards = 8;

export const recipes: Readonly<Record<ScoredModel, Recipe>> = {
  llava: {
    label: 'LLaVA-1.5-7B: vicuna-7b-v1.5 with its pre-trained projector',
    trainsHere: true,
    adapter: { rank: 128, alpha: 256, dropout: 0.05, experts: 8 },
    training: {
      epochs: 1,
      batchSize: 14,
      taskBatchSizes: {
        ScienceQA: 14,
        TextVQA: 14,
        ImageNet: 16,
        GQA: 6,
        VizWiz: 14,
        Grounding: 6,
        VQAv2: 8,
        OCRVQA: 10,
      },
      accumulation: graphicsCards,
      learningRate: 2e-4,
      projectorLearningRate: 2e-5,
      weightDecay: 0,
      beta2: 0.999,
      schedule: 'cosine',
      warmupRatio: 0.03,
      maxTokens: 2048,
    },
    notes: [
      'The scripts pass 2e-5 for the projector, but their optimiser trains it at 2e-4.',
      'Commit 4122465 accumulates 8 batches per card on top; most published results are from scripts without.',
      'DeepSpeed may have kept the rate constant after warming up instead of the cosine that is asked for.',
      'bfloat16 there, float32 here.',
    ],
  },
  qwen: {
    label: 'Qwen-VL-Chat',
    trainsHere: false,
    adapter: { rank: 64, alpha: 16, dropout: 0.05, experts: 8 },
    training: {
      epochs: 1,
      batchSize: 5,
      taskBatchSizes: {},
      accumulation: graphicsCards,
      learningRate: 1e-5,
      projectorLearningRate: 0,
      weightDecay: 0.1,
      beta2: 0.95,
      schedule: 'cosine',
      warmupRatio: 0.01,
      maxTokens: 2048,
    },
    notes: ['Adapters on c_attn, attn.c_proj, w1 and w2; the vision tower is fixed.'],
  },
  minigpt: {
    label: 'MiniGPT-v2: Llama-2-7b-chat, stage-2 checkpoint',
    trainsHere: false,
    adapter: { rank: 64, alpha: 256, dropout: 0.05, experts: 8 },
    training: {
      epochs: 1,
      batchSize: 16,
      taskBatchSizes: {},
      accumulation: graphicsCards,
      learningRate: 1e-5,
      projectorLearningRate: 0,
      weightDecay: 0.05,
      beta2: 0.999,
      schedule: 'cosine',
      warmupRatio: 0.03,
      maxTokens: 2048,
    },
    notes: ['Adapters on q_proj and v_proj; MoELoRA accumulates 8 batches per card.'],
  },
};
