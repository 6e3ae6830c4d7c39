import fastifySwagger from '@fastify/swagger'
import Fastify from 'fastify'
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod'
import { addRoutes } from './api.ts'
import type { ControlPlane } from './control-plane.ts'

/** The OpenAPI 3.1 document of the control plane, from the schemas of its routes. */
export async function describeAdminApi(): Promise<unknown> {
  const app = Fastify()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sallyport control plane', version: '1' },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
    transform: jsonSchemaTransform,
  })
  // The routes are described, never called.
  const uncalled: Partial<ControlPlane> = {}
  await addRoutes(app, uncalled as ControlPlane)
  await app.ready()
  const document = app.swagger()
  await app.close()
  return document
}
