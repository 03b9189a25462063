// `coin graph dump`: one of a run's programs, as text or as an ONNX file.
import { dirname, relative, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { builtIn } from '../../config/catalogue.ts';
import { loadConfig } from '../../config/load.ts';
import { catalogueOf } from '../../config/plugins.ts';
import { buildProgram, programNames } from '../../forecast/programs.ts';
import { matchParameters } from '../../forecast/sizes.ts';
import { writeFileAtomic } from '../../formats/files/files.ts';
import { locateModel, openModel } from '../../models/index.ts';
import { writeOnnx } from '../../tensor/onnx/write.ts';
import { printGraph } from '../../tensor/print.ts';
import { oneOf } from '../shell/arguments.ts';
import { overrideArguments, readOverrides } from '../shell/overrides.ts';

const definitions = {
  program: { type: 'positional', required: true, description: programNames.join(', ') },
  config: { type: 'string', default: 'nano', valueHint: 'CONFIG', description: 'nano, or a YAML file' },
  method: {
    type: 'string',
    valueHint: 'NAME',
    description: `${builtIn.methods.names.join(', ')}, or one of the configuration's plug-ins; none for the base model`,
  },
  to: {
    type: 'string',
    valueHint: 'FILE',
    description: 'an .onnx file to write, to look at in Netron; text without it',
  },
  ...overrideArguments,
} as const;

export const graphDump = defineCommand({
  args: definitions,
  run({ args, rawArgs }) {
    const program = oneOf('program', args.program, programNames);
    const loaded = loadConfig(args.config, { overrides: readOverrides(rawArgs, definitions) });
    const catalogue = catalogueOf(loaded);
    const name =
      args.method === undefined ? undefined : oneOf('--method', args.method, catalogue.methods.names);
    const method = name === undefined ? undefined : catalogue.methods.get(name);
    const model = openModel(locateModel(loaded.model, catalogue.families), {
      families: catalogue.families,
    });
    const config = matchParameters(
      { ...loaded, methods: name === undefined ? [] : [name] },
      catalogue,
      model,
    );
    const outputs = buildProgram(program, model, config, method);
    if (args.to === undefined) {
      process.stdout.write(`${printGraph(outputs)}\n`);
      return;
    }
    const target = resolve(args.to);
    // Weights stay where they are; the file only points at them.
    const { bytes, nodeCount } = writeOnnx(outputs, {
      provider: config.provider,
      locate: (file) => relative(dirname(target), resolve(file)),
    });
    writeFileAtomic(target, bytes);
    process.stdout.write(`${args.to}: ${nodeCount} nodes, ${(bytes.length / 1024).toFixed(0)} KiB\n`);
  },
});
