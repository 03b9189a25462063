#!/usr/bin/env node
// The `coin` command. Finds the command, checks its arguments, runs it, and is the only place where errors are shown.
// Exit codes: 0 done, 2 a mistake that the user can mend, 130 stopped by the user, 1 a bug of ours.
import type { ArgsDef, CommandDef } from 'citty';
import { UserError } from '../base/errors.ts';
import { packageVersion } from '../base/package.ts';
import { guardTerminal, printableLines } from '../base/printable.ts';
import { systemError } from '../formats/files/system-errors.ts';
import { useColor } from '../report/terminal/paint.ts';
import { RunInterrupted } from '../runs/interrupted.ts';
import { checkArguments, type FoundCommand, findCommand } from './shell/arguments.ts';
import { coin } from './shell/commands.ts';

// A reader such as `head` may close the pipe: then it has what it wanted, but what is still going on has nobody to tell.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => process.exit(141));

// What is read in a terminal is made safe whatever it holds; a pipe gets the bytes that are.
guardTerminal(process.stderr, { redraws: true });
if (process.stdout.isTTY) guardTerminal(process.stdout, { redraws: false });

process.exitCode = await main(process.argv.slice(2));

async function main(rawArguments: readonly string[]): Promise<number> {
  try {
    if (['--version', '-v'].includes(rawArguments[0] ?? '')) {
      process.stdout.write(`${packageVersion()}\n`);
      return 0;
    }
    const found = findCommand(coin, rawArguments);
    const wantsHelp = found.rest.some((argument) => argument === '--help' || argument === '-h');
    if (wantsHelp || found.entry.load === undefined) {
      const [unknown] = found.rest;
      if (!wantsHelp && unknown !== undefined) checkArguments({ help: { type: 'boolean' } }, found.rest);
      await showHelp(found);
      return wantsHelp || rawArguments.length === 0 ? 0 : 2;
    }
    const command = await found.entry.load();
    checkArguments(await argumentsOf(command), found.rest);
    // Only now: help does without it.
    const { runCommand } = await import('citty');
    const { result } = await runCommand(command, { rawArgs: [...found.rest] });
    return typeof result === 'number' ? result : 0;
  } catch (error) {
    return showError(error);
  }
}

async function showHelp({ entry, path }: FoundCommand): Promise<void> {
  const { renderCommandHelp, renderOverview } = await import('./shell/help.ts');
  const { columns } = process.stdout;
  const options = { width: Math.min(columns || 80, 100), color: useColor(process.stdout) };
  const text =
    entry === coin
      ? renderOverview(entry, options)
      : renderCommandHelp(path, entry, await argumentsOf(await entry.load?.()), options);
  process.stdout.write(text);
}

async function argumentsOf(command: CommandDef | undefined): Promise<ArgsDef> {
  const definitions = command?.args;
  return (typeof definitions === 'function' ? await definitions() : await definitions) ?? {};
}

function showError(error: unknown): number {
  if (error instanceof RunInterrupted) return 130;
  const mistake = error instanceof UserError ? error : systemError(error);
  if (mistake !== undefined) {
    process.stderr.write(`${printableLines(mistake.message)}\n`);
    return 2;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `This is a bug in coin-bench ${packageVersion()}, not a mistake of yours.\n${stack}\n`,
  );
  return 1;
}
