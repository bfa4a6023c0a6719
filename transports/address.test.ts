import { expect, test } from 'vitest'
import { formatAddress, parseAddress } from './address.ts'

test.each([
  ['localhost:7400', { host: 'localhost', port: 7400 }],
  ['db-1.example_net.org:1', { host: 'db-1.example_net.org', port: 1 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:7400', { host: '::1', port: 7400 }],
  ['[fe80::1%eth0]:65535', { host: 'fe80::1%eth0', port: 65535 }],
])('%s is read and written back', (text, address) => {
  expect(parseAddress(text)).toEqual(address)
  expect(formatAddress(address)).toBe(text)
})

test.each([
  '',
  'localhost',
  ':7400',
  'localhost:',
  'localhost:65536',
  'localhost:-1',
  'localhost:7400x',
  'localhost: 7400',
  '::1:7400',
  '[localhost]:7400',
  '[::1]',
  '-a:1',
  'a b:1',
  'http://a:1',
])('%j is refused with an error that says what is accepted', (text) => {
  expect(() => parseAddress(text)).toThrow(
    /is not an address; accepted are name:port, 10\.0\.0\.1:port and \[::1\]:port/,
  )
})
