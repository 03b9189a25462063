// How a run says that it was asked to stop. Not an error: everything it completed is on the disk.

export class RunInterrupted extends Error {
  readonly stepsLeft: number;

  constructor(stepsLeft: number) {
    super(`interrupted with ${stepsLeft} steps left`);
    this.name = 'RunInterrupted';
    this.stepsLeft = stepsLeft;
  }
}
