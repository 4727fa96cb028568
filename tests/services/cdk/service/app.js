// Letters lie in a box until they are sorted; what cannot be sorted after three tries is returned.
const { App, Duration, Stack } = require('aws-cdk-lib');
const { LambdaIntegration, RestApi } = require('aws-cdk-lib/aws-apigateway');
const { Code, Function, Runtime } = require('aws-cdk-lib/aws-lambda');
const { SqsEventSource } = require('aws-cdk-lib/aws-lambda-event-sources');
const { Queue } = require('aws-cdk-lib/aws-sqs');

class Boxes extends Stack {
  constructor(scope, id) {
    super(scope, id);
    this.returned = new Queue(this, 'Returned', { visibilityTimeout: Duration.seconds(60) });
    this.letters = new Queue(this, 'Letters', {
      visibilityTimeout: Duration.seconds(60),
      deadLetterQueue: { queue: this.returned, maxReceiveCount: this.node.getContext('collections') },
    });
  }
}

class Sorting extends Stack {
  constructor(scope, id, { letters, returned }) {
    super(scope, id);
    const post = this.function('Post', 'letters.post', letters);
    const sort = this.function('Sort', 'letters.sort', letters);
    const send = this.function('SendBack', 'letters.send_back', returned);
    letters.grantSendMessages(post);
    sort.addEventSource(new SqsEventSource(letters, { batchSize: 10, reportBatchItemFailures: true }));
    send.addEventSource(new SqsEventSource(returned));
    const api = new RestApi(this, 'Api', { cloudWatchRole: false });
    api.root.addResource('letters').addMethod('POST', new LambdaIntegration(post));
  }

  function(id, handler, queue) {
    return new Function(this, id, {
      runtime: Runtime.PYTHON_3_13,
      handler,
      code: Code.fromAsset('functions'),
      timeout: Duration.seconds(10),
      environment: { LETTERS: queue.queueUrl },
    });
  }
}

const app = new App();
const boxes = new Boxes(app, 'Boxes');
new Sorting(app, 'Sorting', boxes);
