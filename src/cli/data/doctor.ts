// `coin data doctor`: checks a data folder in CoIN's layout. Exit code 0 without errors, 1 with errors.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { examineData } from '../../data/doctor/doctor.ts';
import { renderDoctorPage } from '../../report/terminal/doctor-page.ts';
import { useColor } from '../../report/terminal/paint.ts';
import { instructionTypes } from '../../tasks/layout/instruction-files.ts';
import { oneOf } from '../shell/arguments.ts';
import { CountLine } from '../shell/count-line.ts';

export const dataDoctor = defineCommand({
  args: {
    folder: {
      type: 'positional',
      required: true,
      description: 'holds Instructions_<type>/ and cl_dataset/',
    },
    instructions: {
      type: 'string',
      default: 'original',
      valueHint: 'TYPE',
      description: 'original, diverse or 10type',
    },
    images: {
      type: 'string',
      default: 'sample',
      valueHint: 'WHICH',
      description: 'decode a sample of each file, all, or none',
    },
    'base-images': {
      type: 'string',
      valueHint: 'FILE',
      description: "the base model's training images: a name, SHA-256 or perceptual hash a line",
    },
    subset: {
      type: 'boolean',
      description: "a part of CoIN's data on purpose: counts and missing tasks are notes",
    },
    json: { type: 'boolean', description: 'print JSON' },
  },
  async run({ args }) {
    const { folder } = args;
    if (folder === undefined) throw new UserError('expected FOLDER');
    const line = new CountLine('doctor');
    const baseImages = args['base-images'];
    try {
      const report = await examineData({
        folder,
        instructionType: oneOf('--instructions', args.instructions, instructionTypes),
        images: oneOf('--images', args.images, ['sample', 'all', 'none'] as const),
        baseImages,
        subset: args.subset === true,
        onProgress: (text) => line.show(text),
      });
      line.clear();
      process.stdout.write(
        args.json === true
          ? `${JSON.stringify(report, undefined, 2)}\n`
          : renderDoctorPage(report, { color: useColor(process.stdout) }),
      );
      return report.errors > 0 ? 1 : 0;
    } finally {
      line.clear();
    }
  },
});
