import type { DescMessage, Message, MessageInitShape } from '@bufbuild/protobuf'

/** All fields of a message. A field that is added to the contract is a compile error until it is encoded. */
export type Init<Schema extends DescMessage> = Omit<
  Required<Exclude<MessageInitShape<Schema>, Message>>,
  '$typeName'
>
