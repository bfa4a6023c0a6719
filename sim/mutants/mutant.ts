/**
 * A bug as a change of one source file, to prove that the simulator finds it. The sources themselves know nothing of
 * it.
 */
export interface Mutant {
  readonly name: string
  /** The kind of bug, by its row in the list of bug classes; undefined when none of them names it. */
  readonly row: number | undefined
  /** What the changed program does wrong. */
  readonly describe: string
  /** Path in the repository. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** The scenarios in which it is looked for; undefined for the one where everything happens at once. */
  readonly scenarios?: readonly string[] | undefined
}

/**
 * The source no longer has the place that a mutant changes, or has it twice: the mutant proves nothing until it is
 * mended.
 */
export class Misfit extends Error {
  readonly mutant: Mutant

  constructor(mutant: Mutant, times: number) {
    super(`${mutant.name}: its text occurs ${times} times in ${mutant.file}, not once`)
    this.name = 'Misfit'
    this.mutant = mutant
  }
}

/** The source with the bug in it. Throws `Misfit`. */
export function transform(source: string, mutant: Mutant): string {
  const pieces = source.split(mutant.find)
  if (mutant.find === '' || pieces.length !== 2) throw new Misfit(mutant, pieces.length - 1)
  return pieces.join(mutant.replace)
}
