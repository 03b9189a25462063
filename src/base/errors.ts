// The error classes a user can meet. Anything else that is thrown is a bug of ours.
// Issues are data; `formatError` renders them at the edge (the command line). They may quote what a damaged file holds, so
// that their length is bounded here, once.
import { clipped } from './shown.ts';

const LONGEST_MESSAGE = 210;
// Names of tensors are shown whole.
const LONGEST_FIELD = 80;

/** One thing that is wrong with some input: where, what was expected, what was found, what to do. */
export interface Issue {
  readonly message: string;
  readonly file?: string;
  /** 1-based line in `file` (configuration) or row (data). */
  readonly line?: number;
  readonly column?: number;
  readonly field?: string;
  readonly hint?: string;
}

/** A mistake that the user can mend: shown without a stack, exit code 2. */
export class UserError extends Error {
  readonly issues: readonly Issue[];

  constructor(issue: Issue | string | readonly Issue[]) {
    const given: readonly Issue[] =
      typeof issue === 'string' ? [{ message: issue }] : Array.isArray(issue) ? issue : [issue as Issue];
    const issues = given.map(bounded);
    super(issues.map(formatIssue).join('\n'));
    this.name = 'UserError';
    this.issues = issues;
  }
}

function bounded(issue: Issue): Issue {
  const { message, field } = issue;
  return {
    ...issue,
    message: clipped(message, LONGEST_MESSAGE),
    ...(field === undefined ? {} : { field: clipped(field, LONGEST_FIELD) }),
  };
}

/** Bad data in a file: names the file, the row and the field. */
export class DataError extends UserError {
  constructor(issue: Issue & { readonly file: string }) {
    super(issue);
    this.name = 'DataError';
  }
}

/** `file:line:column: field: message` with the hint on a line of its own. */
export function formatIssue(issue: Issue): string {
  const place = [issue.file, issue.line, issue.column].filter((part) => part !== undefined).join(':');
  const text = [place, issue.field, issue.message]
    .filter((part) => part !== undefined && part !== '')
    .join(': ');
  return issue.hint === undefined ? text : `${text}\n  hint: ${issue.hint}`;
}

/** The value if it is defined, otherwise a bug report: `what` was promised and is not there. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new Error(`internal: ${what} is missing`);
  return value;
}
