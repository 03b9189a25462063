// The folder of an adapter as a user names it: its own, or that of a run's stage, which holds it. Reads nothing of it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export function adapterFolder(named: string): string {
  const inside = join(named, 'adapter');
  const isStage =
    !existsSync(join(named, 'adapter_config.json')) && existsSync(join(inside, 'adapter_config.json'));
  return isStage ? inside : named;
}
