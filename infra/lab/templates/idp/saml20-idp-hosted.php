<?php

$metadata['${ENTITY_ID}'] = [
    'host' => '__DEFAULT__',
    'privatekey' => '${KEY}.key',
    'certificate' => '${KEY}.crt',
${NEXT_KEY}
    'auth' => 'domains',

    // The gateways are programs: they log in with SOAP and HTTP Basic (SAML profiles, section 4.2), or with the form.
    'saml20.ecp' => true,
    'SingleSignOnServiceBinding' => [
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
        'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
    ],
    'saml20.sign.response' => true,
    'saml20.sign.assertion' => true,
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    // Seconds. It is used at once.
    'assertion.lifetime' => 60,

    'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',

    'authproc' => [
        /* The name of the subject is the domain, in whichever format it is asked for. */
        10 => [
            'class' => 'saml:AttributeNameID',
            'attribute' => 'uid',
            'Format' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
        ],
        11 => [
            'class' => 'saml:AttributeNameID',
            'attribute' => 'uid',
            'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        ],
        /* One line for each answer: who got it, and whether for a password or for a session. */
        20 => [
            'class' => 'core:PHP',
            'code' => '
                $how = array_key_exists("LoginCompletedHandler", $state) ? "password" : "session";
                $partner = $state["Destination"]["entityid"];
                \SimpleSAML\Logger::stats("subject " . $attributes["uid"][0] . " by " . $how . " for " . $partner);
            ',
        ],
        30 => ['class' => 'core:AttributeLimit', 'federation', 'assurance'],
    ],
];
