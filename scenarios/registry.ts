import { must } from '../core/lib/assert.ts'
import { drawScenario, registryOf } from '../sim/registry.ts'
import type { Scenario } from '../sim/scenario.ts'
import { clientRetriesAcrossLeaderChangeAndSnapshot } from './client-retries-across-leader-change-and-snapshot.ts'
import { corruptRecordMidLog } from './corrupt-record-mid-log.ts'
import { divergingLogs } from './diverging-logs.ts'
import { everythingAtOnce } from './everything-at-once.ts'
import { flapping } from './flapping.ts'
import { fsyncFailure } from './fsync-failure.ts'
import { leaderCrashUnderLoad } from './leader-crash-under-load.ts'
import { longLeaderPause } from './long-leader-pause.ts'
import { lostMajority } from './lost-majority.ts'
import { lostMajorityRecovered } from './lost-majority-recovered.ts'
import { membershipChangeUnderLoad } from './membership-change-under-load.ts'
import { memoryRestartAndReplacement } from './memory-restart-and-replacement.ts'
import { partitionBridge } from './partition-bridge.ts'
import { partitionMajority } from './partition-majority.ts'
import { partitionMinority } from './partition-minority.ts'
import { partitionOneWay } from './partition-one-way.ts'
import { powerLossOfAll } from './power-loss-of-all.ts'
import { reorderingAndDuplication } from './reordering-and-duplication.ts'
import { replacementCutOff } from './replacement-cut-off.ts'
import { rollingRestart } from './rolling-restart.ts'
import { roughDisks } from './rough-disks.ts'
import { slowDiskLeader } from './slow-disk-leader.ts'
import { snapshotToLaggingServer } from './snapshot-to-lagging-server.ts'
import { tornWalTail } from './torn-wal-tail.ts'
import { wildClocks } from './wild-clocks.ts'

/** All scenarios; the first is the one that `npm run sim` runs by itself. */
export const registry = registryOf([
  everythingAtOnce,
  leaderCrashUnderLoad,
  partitionMinority,
  partitionMajority,
  partitionOneWay,
  partitionBridge,
  divergingLogs,
  flapping,
  reorderingAndDuplication,
  rollingRestart,
  tornWalTail,
  corruptRecordMidLog,
  powerLossOfAll,
  slowDiskLeader,
  fsyncFailure,
  roughDisks,
  longLeaderPause,
  wildClocks,
  membershipChangeUnderLoad,
  replacementCutOff,
  snapshotToLaggingServer,
  memoryRestartAndReplacement,
  lostMajority,
  lostMajorityRecovered,
  clientRetriesAcrossLeaderChangeAndSnapshot,
])

/** The world that a scenario draws from a seed. */
export function draw(name: string, seed: string): Scenario {
  return drawScenario(must(registry.get(name), 'a scenario of the registry'), seed)
}
