import type { DescMessage, Message, MessageInitShape } from '@bufbuild/protobuf'

/** What a message is made of, every field of it: a field added to the contract does not compile until it is encoded. */
export type Init<Schema extends DescMessage> = Omit<
  Required<Exclude<MessageInitShape<Schema>, Message>>,
  '$typeName'
>
