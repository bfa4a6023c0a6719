import { describe, expect, it } from 'vitest'
import { bridge, isolate, majoritiesRing, oneWay, split } from './grudge.ts'

describe('grudges', () => {
  const hosts = ['a', 'b', 'c', 'd', 'e']
  const reaches = (grudge: readonly (readonly [string, string])[], from: string) =>
    hosts.filter((to) => !grudge.some(([a, b]) => a === from && b === to)).join('')

  it('cut one way, in halves, or around one host', () => {
    expect(oneWay(['a'], ['a', 'b'])).toEqual([['a', 'b']])
    const halves = split(['a', 'b'], ['c', 'd', 'e'])
    expect(hosts.map((host) => reaches(halves, host))).toEqual(['ab', 'ab', 'cde', 'cde', 'cde'])
    const alone = isolate('c', hosts)
    expect(hosts.map((host) => reaches(alone, host))).toEqual(['abde', 'abde', 'c', 'abde', 'abde'])
  })

  it('leave one host that reaches both halves of a bridge', () => {
    const grudge = bridge('c', ['a', 'b', 'c'], ['d', 'e'])
    expect(hosts.map((host) => reaches(grudge, host))).toEqual(['abc', 'abc', 'abcde', 'cde', 'cde'])
  })

  it('give every host of a ring a majority, each another one', () => {
    const grudge = majoritiesRing(hosts)
    expect(hosts.map((host) => reaches(grudge, host))).toEqual(['abe', 'abc', 'bcd', 'cde', 'ade'])
    expect(majoritiesRing(['a', 'b', 'c'])).toEqual([])
    expect(() => majoritiesRing(['a', 'b'])).toThrow(/ring/)
  })
})
