import { describe, test } from 'vitest'
import { crashPush, crashRevocation } from '../../../test/support/crashed-push.ts'
import { DATABASES } from '../../../test/support/databases.ts'

// Every step of a push and of a revocation, on both databases, is killed in crash.long.test.ts.
describe.each(DATABASES.filter((kind) => kind.dialect === 'sqlite'))('a process that is killed', (kind) => {
  test.for(['after-blob', 'before-commit', 'after-commit', 'after-event'] as const)(
    'while it pushes (%s) leaves nothing or a whole version',
    (step, context) => crashPush(context, kind, step),
  )

  test('while it revokes leaves the version revoked, with the event to show it', (context) =>
    crashRevocation(context, kind, 'before-event'))
})
