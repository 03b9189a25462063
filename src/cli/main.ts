#!/usr/bin/env node
// The `coin` command. Finds the command, checks its arguments, runs it, and is the only place where errors are shown.
// Exit codes: 0 done, 2 a mistake that the user can mend, 130 stopped by the user, 1 a bug of ours.
import { stripVTControlCharacters } from 'node:util';
import { type CommandDef, renderUsage, runCommand } from 'citty';
import { UserError } from '../base/errors.ts';
import { packageVersion } from '../base/package.ts';
import { useColor } from '../report/terminal/paint.ts';
import { RunInterrupted } from '../runs/interrupted.ts';
import { checkArguments, findCommand } from './shell/arguments.ts';
import { coin } from './shell/commands.ts';

// A reader such as `head` may close the pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

process.exitCode = await main(process.argv.slice(2));

async function main(rawArguments: readonly string[]): Promise<number> {
  try {
    if (['--version', '-v'].includes(rawArguments[0] ?? '')) {
      process.stdout.write(`${packageVersion()}\n`);
      return 0;
    }
    const { command, parent, rest } = await findCommand(coin, rawArguments);
    const wantsHelp = rest.some((argument) => argument === '--help' || argument === '-h');
    if (wantsHelp || command.run === undefined) {
      await showUsage(command, parent);
      return wantsHelp || rawArguments.length === 0 ? 0 : 2;
    }
    await checkArguments(command, rest);
    // Its children were looked for already; citty would take an argument for the name of one.
    const { result } = await runCommand({ ...command, subCommands: undefined }, { rawArgs: [...rest] });
    return typeof result === 'number' ? result : 0;
  } catch (error) {
    return showError(error);
  }
}

async function showUsage(command: CommandDef, parent: CommandDef | undefined): Promise<void> {
  const usage = await renderUsage(command, parent);
  process.stdout.write(`${useColor(process.stdout) ? usage : stripVTControlCharacters(usage)}\n`);
}

function showError(error: unknown): number {
  if (error instanceof RunInterrupted) return 130;
  if (error instanceof UserError) {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `This is a bug in coin-bench ${packageVersion()}, not a mistake of yours.\n${stack}\n`,
  );
  return 1;
}
