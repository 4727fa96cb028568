// The certificates, by their numbers.
import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';

const { TABLE: TableName } = process.env;
const table = DynamoDBDocumentClient.from(new DynamoDBClient());

const unlessRefused = async (command) => {
  try {
    await table.send(command);
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
};

export const register = (number, asked) =>
  unlessRefused(
    new PutCommand({
      TableName,
      Item: { number, asked, phase: 'asked for' },
      ConditionExpression: 'attribute_not_exists(#number)',
      ExpressionAttributeNames: { '#number': 'number' },
    }),
  );

export const known = async (number) =>
  (await table.send(new GetCommand({ TableName, Key: { number }, ConsistentRead: true }))).Item;

// One message has a certificate's work, however many there are; false for the others, and when it is done.
export const claim = (number, message) =>
  unlessRefused(
    new UpdateCommand({
      TableName,
      Key: { number },
      UpdateExpression: 'SET message = :message, phase = :phase',
      ConditionExpression: '(attribute_not_exists(message) OR message = :message) AND phase <> :issued',
      ExpressionAttributeValues: { ':message': message, ':phase': 'being written', ':issued': 'issued' },
    }),
  );

export const note = (number, phase) =>
  table.send(
    new UpdateCommand({
      TableName,
      Key: { number },
      UpdateExpression: 'SET phase = :phase',
      ExpressionAttributeValues: { ':phase': phase },
    }),
  );
