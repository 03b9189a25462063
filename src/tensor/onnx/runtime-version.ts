// Which ONNX Runtime computes. It is loaded when it is asked, and not when this file is imported.
import { createRequire } from 'node:module';

/** The runtime's name and version: another one may round differently. */
export function runtimeVersion(): string {
  const { env } = createRequire(import.meta.url)('onnxruntime-node') as typeof import('onnxruntime-node');
  return `onnxruntime ${env.versions.node ?? env.versions.common}`;
}
