import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter, Malformed } from '../lib/bytes.ts'
import type { ServerId, ServerName } from '../wire/ids.ts'
import { idOf, membersOf } from './group.contract.ts'
import {
  allMembers,
  decodeMembers,
  encodeMembers,
  firstStepTowards,
  isJoint,
  isMember,
  isVoter,
  type Members,
  makeMembers,
  memberNamed,
  sameMembers,
  withoutOutgoing,
} from './members.ts'

const some = fc.subarray(['a', 'b', 'c', 'd', 'e', 'f'])
const members = fc.tuple(some, some, some).map(([voters, learners, outgoing]) => membersOf(voters, learners, outgoing))

function namesIn(ids: readonly ServerId[]): string {
  return ids.map((id) => id.slice(0, 1)).join('')
}

function show({ voters, outgoing, learners }: Members): string {
  return [voters, outgoing, learners].map(namesIn).join('/')
}

/** The configurations on the way, as a leader appends them. */
function wayFrom(from: Members, to: Members): string[] {
  const first = firstStepTowards(from, to)
  return isJoint(first) ? [show(first), show(withoutOutgoing(first))] : [show(first)]
}

describe('a configuration', () => {
  test('survives its bytes', () => {
    fc.assert(
      fc.property(members, (before) => {
        const after = decodeMembers(encodeMembers(before))
        expect(after).toEqual(before)
        expect([...after.addresses]).toEqual([...before.addresses])
        expect(sameMembers(before, after)).toBe(true)
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  test('has sorted lists without duplicates, no voting learner, and an address for each member alone', () => {
    const [a, b, c] = [idOf('a'), idOf('b'), idOf('c')]
    const made = makeMembers(
      [b, a, b],
      [],
      [c, a],
      [
        [c, 'c:1'],
        [idOf('z'), 'z:1'],
        [a, 'a:1'],
      ],
    )
    expect(show(made)).toBe('ab//c')
    expect([...made.addresses]).toEqual([
      [a, 'a:1'],
      [c, 'c:1'],
    ])
    expect([isVoter(made, a), isVoter(made, c), isMember(made, c), isMember(made, idOf('z'))]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(memberNamed(made, 'c' as ServerName)).toBe(c)
    expect(memberNamed(made, 'z' as ServerName)).toBe(undefined)
  })

  test('changes in one step where the voters stay, and through a joint one where they differ', () => {
    const abc = membersOf(['a', 'b', 'c'])
    expect(wayFrom(abc, membersOf(['a', 'b', 'c'], ['d']))).toEqual(['abc//d'])
    expect(wayFrom(membersOf(['a', 'b', 'c'], ['d']), membersOf(['a', 'b', 'c', 'd']))).toEqual(['abcd/abc/', 'abcd//'])
    expect(wayFrom(abc, membersOf(['b', 'c', 'd', 'e']))).toEqual(['bcde/abc/', 'bcde//'])
    expect(wayFrom(abc, membersOf(['a']))).toEqual(['a/abc/', 'a//'])
  })

  test('keeps a voter that becomes a learner: outgoing first, learning afterwards (etcd joint_learners_next)', () => {
    expect(wayFrom(membersOf(['a', 'b', 'c']), membersOf(['a', 'b'], ['c']))).toEqual(['ab/abc/c', 'ab//c'])
  })

  test('names everybody once, in order', () => {
    expect(namesIn(allMembers(membersOf(['c', 'a'], ['d', 'b'], ['b', 'a'])))).toBe('abcd')
  })

  test('is refused where its bytes are not one', () => {
    const writer = new ByteWriter()
    writer.uint(1)
    writer.text('no id')
    writer.text('')
    for (const _ of [1, 2]) writer.uint(0)
    expect(() => decodeMembers(writer.take())).toThrow(Malformed)
    expect(() => decodeMembers(Uint8Array.of(200, 0, 0))).toThrow(Malformed)
    expect(() => decodeMembers(Uint8Array.of(0, 0, 0, 0))).toThrow(Malformed)
    expect(() => decodeMembers(Uint8Array.of())).toThrow(Malformed)
  })
})
