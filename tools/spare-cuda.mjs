// Runs before the packages that this one depends on run their install scripts. The one of onnxruntime-node fetches CUDA
// libraries of several hundred MB on Linux x64, and fails without a network, although its binary for the CPU is in the
// package. It fetches nothing where their files are there, so empty ones are put in their place; who asks for CUDA
// (ONNXRUNTIME_NODE_INSTALL=cuda12, docs/library.md) gets the real ones. It must never keep an installation from ending.
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const asked = ['ONNXRUNTIME_NODE_INSTALL', 'npm_config_onnxruntime_node_install'].flatMap((name) => [
  process.env[name],
  process.env[`${name}_${name === name.toUpperCase() ? 'CUDA' : 'cuda'}`],
]);
if (asked.every((value) => !value)) {
  try {
    const require = createRequire(import.meta.url);
    const folder = dirname(require.resolve('onnxruntime-node/package.json'));
    const { requirements, manifests } = require(join(folder, 'script', 'install-metadata.js'));
    const platform = `${process.platform}/${process.arch}`;
    for (const name of requirements[platform] ?? []) {
      for (const file of Object.keys(manifests[`${platform}:${name}`])) {
        const path = join(folder, 'bin', 'napi-v6', platform, file);
        if (!existsSync(path)) writeFileSync(path, '');
      }
    }
  } catch {
    // Its own script then decides.
  }
}
