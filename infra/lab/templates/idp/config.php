<?php

/* SimpleSAMLphp 1.19 as the identity provider of the federation of a lab. */

$config = [
    'baseurlpath' => '${URL}',
    'certdir' => '${FOLDER}/cert/',
    'loggingdir' => '${FOLDER}/log/',
    'datadir' => '${FOLDER}/data/',
    'tempdir' => '${FOLDER}/temp/',
    'metadatadir' => '${FOLDER}/metadata/',
    'technicalcontact_name' => 'Administrator',
    'technicalcontact_email' => 'na@example.org',
    'timezone' => 'UTC',

    'secretsalt' => '${SALT}',
    // Nobody knows it: there is nothing to administrate over the network.
    'auth.adminpassword' => '${ADMIN_PASSWORD}',
    'admin.protectindexpage' => true,
    'admin.checkforupdates' => false,
    // Where the discovery service may send somebody back to: the agents of this lab.
    'trusted.url.domains' => ['(127\.0\.0\.1|localhost):\d{4,5}'],
    'trusted.url.regex' => true,

    'enable.saml20-idp' => true,
    'module.enable' => ['core' => true, 'saml' => true, 'authcrypt' => true],

    // Not DEBUG, at which wrong passwords are logged.
    'logging.level' => SimpleSAML\Logger::NOTICE,
    'logging.handler' => 'file',
    'logging.logfile' => 'simplesamlphp.log',
    'logging.format' => '%date{%Y-%m-%dT%H:%M:%S} %level %stat[%trackid] %msg',
    'showerrors' => false,
    'errorreporting' => false,
    'debug' => ['saml' => false, 'backtraces' => false, 'validatexml' => false],

    // Seconds for which one log-in is good, for all partners.
    'session.duration' => ${SESSION_SECONDS},
    'session.datastore.timeout' => ${SESSION_SECONDS},
    'session.state.timeout' => 3600,
    'session.cookie.secure' => true,
    'session.cookie.samesite' => 'None',
    'session.phpsession.savepath' => '${FOLDER}/sessions',
    'session.phpsession.httponly' => true,
    'store.type' => 'phpsession',

    'language.default' => 'en',
    'production' => true,

    // Whom it answers stands in the signed metadata of the federation, as for everybody else.
    'metadata.sources' => [
        ['type' => 'flatfile'],
        ...(is_file('${FOLDER}/metadata/federation.xml')
            ? [['type' => 'xml', 'file' => '${FOLDER}/metadata/federation.xml']]
            : []),
    ],
];
