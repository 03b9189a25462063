// What the table of commands says of one command. The table itself is `commands.ts`.
import type { CommandDef } from 'citty';

export interface CommandEntry {
  readonly name: string;
  /** A line for the list of commands. */
  readonly summary: string;
  /** Whole commands, with what each does. */
  readonly examples?: readonly (readonly [command: string, meaning: string])[];
  /** Absent for one that only has commands below it. */
  readonly load?: () => Promise<CommandDef>;
  readonly children?: readonly CommandEntry[];
}
