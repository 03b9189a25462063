// The accuracy matrix. Scores are percent, 0 to 100.

/** A row of the accuracy matrix: the scores of every task seen so far, after training on `after`. */
export interface MatrixRow {
  readonly after: string;
  readonly scores: Readonly<Record<string, number>>;
}

/** A[j][i]: the score on task i after training on task j. Tasks in training order, one row per finished stage. */
export interface AccuracyMatrix {
  readonly tasks: readonly string[];
  readonly rows: readonly MatrixRow[];
}
