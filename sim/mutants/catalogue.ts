import { consensusMutants } from './consensus-mutants.ts'
import type { Mutant } from './mutant.ts'
import { serviceMutants } from './service-mutants.ts'
import { storageMutants } from './storage-mutants.ts'

/** Every planted bug. Each must be found, or the simulator is too weak. */
export const mutants: readonly Mutant[] = [...consensusMutants, ...storageMutants, ...serviceMutants]
