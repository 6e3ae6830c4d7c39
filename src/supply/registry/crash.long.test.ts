import { describe, expect, test } from 'vitest'
import { countSteps, crashPush, crashRevocation } from '../../../test/support/crashed-push.ts'
import { DATABASES } from '../../../test/support/databases.ts'

describe.each(DATABASES)('a process that is killed on $dialect', (kind) => {
  test('at any step of a push leaves nothing or a whole version', async (context) => {
    const steps = await countSteps(context, kind, 'push')
    expect(steps).toBeGreaterThan(20)
    for (let step = 1; step <= steps; step++) await crashPush(context, kind, step)
  })

  test('at any step of a revocation leaves the version as it was, or revoked', async (context) => {
    const steps = await countSteps(context, kind, 'revoke')
    for (let step = 1; step <= steps; step++) await crashRevocation(context, kind, step)
  })
})
