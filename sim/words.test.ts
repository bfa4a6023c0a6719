import { expect, it } from 'vitest'
import { repeatCommand } from './run-line.ts'
import { counted, grouped, percent, seconds, table, wrapped } from './words.ts'

it('groups thousands by commas', () => {
  expect([0, 999, 1000, 1_234_567, -12_345, 1234.5].map(grouped)).toEqual([
    '0',
    '999',
    '1,000',
    '1,234,567',
    '-12,345',
    '1,234.5',
  ])
})

it('counts one and many', () => {
  expect([counted(1, 'key'), counted(2, 'key'), counted(0, 'box', 'boxes')]).toEqual(['1 key', '2 keys', '0 boxes'])
})

it('writes times and rates', () => {
  expect([seconds(61_234.9), seconds(5), percent(5600), percent(-21_139)]).toEqual([
    '61.234 s',
    '0.005 s',
    '0.56 %',
    '-2.1139 %',
  ])
})

it('puts cells in columns, numbers to the right', () => {
  expect(
    table([
      ['a', 1, 'x'],
      ['long', 1000, ''],
    ]),
  ).toEqual(['a         1  x', 'long  1,000'])
})

it('wraps items that do not fit', () => {
  expect(wrapped(['one', 'two', 'three'], 9)).toEqual(['one, two,', 'three'])
  expect(wrapped([], 9)).toEqual([])
})

it('quotes a seed for the shell when it must', () => {
  expect(repeatCommand('sim', 'calm', '42')).toBe('sim --scenario calm --seed 42')
  expect(repeatCommand('sim', 'calm', "it's", 7)).toBe("sim --scenario calm --seed 'it'\\''s' --stop-at 7")
  expect(repeatCommand('sim', 'calm', '--x')).toBe("sim --scenario calm --seed '--x'")
})
