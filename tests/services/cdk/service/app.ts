// Letters lie in a box until they are sorted; what cannot be sorted after three tries is returned.
import { App, Duration, Stack } from 'aws-cdk-lib';
import { LambdaIntegration, RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Code, Function, FunctionProps, Runtime } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

class Boxes extends Stack {
  readonly returned: Queue;
  readonly letters: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.returned = new Queue(this, 'Returned', { visibilityTimeout: Duration.seconds(60) });
    this.letters = new Queue(this, 'Letters', {
      visibilityTimeout: Duration.seconds(60),
      deadLetterQueue: { queue: this.returned, maxReceiveCount: this.node.getContext('collections') },
    });
  }
}

class Sorting extends Stack {
  constructor(scope: Construct, id: string, { letters, returned }: Boxes) {
    super(scope, id);
    const python = this.python(letters);
    const post = new Function(this, 'Post', { ...python, handler: 'letters.post' });
    const sort = new Function(this, 'Sort', { ...python, handler: 'letters.sort' });
    const send = new NodejsFunction(this, 'SendBack', { entry: 'functions/send-back.ts', runtime: Runtime.NODEJS_22_X });
    letters.grantSendMessages(post);
    sort.addEventSource(new SqsEventSource(letters, { batchSize: 10, reportBatchItemFailures: true }));
    send.addEventSource(new SqsEventSource(returned));
    const api = new RestApi(this, 'Api', { cloudWatchRole: false });
    api.root.addResource('letters').addMethod('POST', new LambdaIntegration(post));
  }

  // With its packages, as CDK's documentation has it: in Docker.
  private python(letters: Queue): Omit<FunctionProps, 'handler'> {
    const runtime = Runtime.PYTHON_3_13;
    const command = ['bash', '-c', 'pip install -r requirements.txt -t /asset-output && cp -a . /asset-output'];
    return {
      runtime,
      code: Code.fromAsset('functions', { exclude: ['*.ts'], bundling: { image: runtime.bundlingImage, command } }),
      timeout: Duration.seconds(10),
      environment: { LETTERS: letters.queueUrl },
    };
  }
}

const app = new App();
const boxes = new Boxes(app, 'Boxes');
new Sorting(app, 'Sorting', boxes);
