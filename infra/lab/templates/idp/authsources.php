<?php

$config = [
    'admin' => ['core:AdminPassword'],

    /* One account for each domain of the federation: name, and hash of the password. */
    'domains' => [
        'authcrypt:Hash',
${ACCOUNTS}
    ],
];
