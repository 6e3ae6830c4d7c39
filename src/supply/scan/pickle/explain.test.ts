import { expect, test } from 'vitest'
import { bytes, PAYLOAD, PROTO_4, text } from '../../../../test/support/pickle-streams.ts'
import { memorySource } from '../../../formats/index.ts'
import { explainPickle } from './index.ts'

test('an explanation names imports and calls and shows the opcodes around each finding', () => {
  const source = memorySource(bytes(PROTO_4, text('before'), '0', PAYLOAD, '.'))
  const context = {
    isClaimed: true,
    profile: 'any' as const,
    allowGlobals: new Set<string>(),
    maxOpcodes: 1000,
  }
  expect(explainPickle(source, context)).toEqual({
    imports: ['os.system'],
    calls: ['os.system("id")'],
    disassembly: [
      '  0 PROTO 4',
      '  2 SHORT_BINUNICODE "before"',
      '  10 POP',
      '> 11 GLOBAL "os system"',
      '  22 MARK',
      '  23 STRING "id"',
      '  29 TUPLE',
      '> 30 REDUCE',
      '  31 STOP',
    ],
  })
})
